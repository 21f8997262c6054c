import { onAbort } from "../base/abort.ts";
import { delay } from "../base/async.ts";
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import { startChild } from "./child.ts";

/** Options of {@linkcode supervise}. */
export interface SupervisorOptions {
  /** Command line of each worker process. */
  readonly commandLine: readonly [command: string, ...args: string[]];
  /** Number of worker processes. */
  readonly count: number;
  /** When it is aborted, the processes are shut down. */
  readonly stop: AbortSignal;
  /** When it is aborted, the processes are killed. */
  readonly kill: AbortSignal;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Shortest and longest pause before a crashed process is replaced, in milliseconds. It doubles with each crash. */
const pause = { min: 1000, max: 30_000 };
/** After a process has run this long, its next crash counts as the first one; in milliseconds. */
const stableAfter = 60_000;

/**
 * Runs worker processes until all have finished, or `stop` is aborted.
 *
 * A process that crashes is replaced. If a process fails with an error that it has printed, such as a module that does
 * not exist, the others would fail too, so all are shut down. A replacement that fails in this way is replaced again.
 *
 * @returns The highest exit code.
 */
export async function supervise(options: SupervisorOptions): Promise<number> {
  const { count, stop, logger } = options;
  if (stop.aborted) return 0;
  const shutdown = new AbortController();
  const removeCallback = onAbort(stop, () => shutdown.abort());
  try {
    logger.info(`starting ${count} worker processes`);
    const codes = await Promise.all(Array.from({ length: count }, () => keepRunning(options, shutdown)));
    logger.info(`all ${count} worker processes have exited`);
    return Math.max(...codes);
  } finally {
    removeCallback();
  }
}

/**
 * Runs one process, and replaces it when it crashes, until `shutdown` is aborted.
 *
 * @param shutdown Aborted here if the process fails with an error that it has printed.
 * @returns The last exit code.
 */
async function keepRunning(options: SupervisorOptions, shutdown: AbortController): Promise<number> {
  const { commandLine, kill, clock, logger } = options;
  const { signal } = shutdown;
  for (let crashes = 0;;) {
    const started = clock.monotonic();
    const child = startChild(commandLine, { stop: signal, kill });
    const { code, isExplained } = await child.exited;
    if (code === 0 || signal.aborted) return code;
    if (isExplained && crashes === 0) {
      shutdown.abort();
      return code;
    }
    if (clock.monotonic() - started > stableAfter) crashes = 0;
    const ms = Math.min(pause.min * 2 ** crashes++, pause.max);
    logger.error(`worker process ${child.pid} exited with code ${code} and will be replaced in ${ms / 1000} s`);
    await delay(ms, { clock, signal }).catch(() => {});
    if (signal.aborted) return code;
  }
}
