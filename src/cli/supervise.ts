import { delay } from "../base/async.ts";
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import { startChild } from "./child.ts";

/** What {@linkcode supervise} needs. */
export interface SupervisorOptions {
  /** What each process runs. */
  readonly commandLine: readonly [command: string, ...args: string[]];
  /** How many processes there are. */
  readonly count: number;
  /** When to shut them down. */
  readonly stop: AbortSignal;
  /** When to end them at once. */
  readonly kill: AbortSignal;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** How long to wait before a process that crashed is replaced, in milliseconds; it doubles with each crash. */
const pause = { first: 1000, last: 30_000 };
/** A process that ran this long was sound, and its crash counts as the first one; in milliseconds. */
const soundAfter = 60_000;

/**
 * Keeps processes running until each has come to an end, or they are told to.
 *
 * One that crashes is replaced. One that fails for a reason that it has printed would fail in the same way without us,
 * so it takes the others with it; unless it is a replacement, which is tried again.
 *
 * @returns The worst of their exit codes.
 */
export async function supervise(options: SupervisorOptions): Promise<number> {
  const { count, stop, logger } = options;
  if (stop.aborted) return 0;
  const ending = new AbortController();
  const end = () => ending.abort();
  stop.addEventListener("abort", end);
  try {
    logger.info(`starting ${count} worker processes`);
    const codes = await Promise.all(Array.from({ length: count }, () => keep(options, ending)));
    logger.info(`all ${count} worker processes have ended`);
    return Math.max(...codes);
  } finally {
    stop.removeEventListener("abort", end);
  }
}

/** Keeps one process running, until `ending` is aborted, which it may do itself. Resolves to the last exit code. */
async function keep({ commandLine, kill, clock, logger }: SupervisorOptions, ending: AbortController): Promise<number> {
  const { signal } = ending;
  for (let crashes = 0;;) {
    const started = clock.now();
    const child = startChild(commandLine, { stop: signal, kill });
    const { code, explained } = await child.ended;
    if (code === 0 || signal.aborted) return code;
    if (explained && crashes === 0) {
      ending.abort();
      return code;
    }
    if (clock.now() - started > soundAfter) crashes = 0;
    const ms = Math.min(pause.first * 2 ** crashes++, pause.last);
    logger.error(`worker process ${child.pid} ended with exit code ${code}, another one starts in ${ms / 1000} s`);
    await delay(ms, { clock, signal }).catch(() => {});
    if (signal.aborted) return code;
  }
}
