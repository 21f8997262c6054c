import { relative } from "node:path";
import { Notice } from "../base/async.ts";
import { startChild } from "./child.ts";
import type { SupervisorOptions } from "./supervise.ts";
import { SourceWatcher } from "./watch.ts";

/** How long a process may take to shut down before its successor starts, in milliseconds. */
const patience = 5000;

/**
 * Runs processes, and starts them anew whenever a source file in the folder or below it changes. One that fails is not
 * replaced before that: the next change may be the remedy.
 *
 * @returns The exit code, 0: it ends when it is told to.
 */
export async function reload(options: SupervisorOptions, folder: string): Promise<number> {
  const { stop, clock, logger } = options;
  const changed = new Notice();
  const watcher = new SourceWatcher(folder, {
    clock,
    onChange(path) {
      logger.info(`${relative(folder, path)} changed, starting anew`);
      changed.notify();
    },
  });
  const stopped = () => changed.notify();
  stop.addEventListener("abort", stopped);
  try {
    logger.info(`watching ${folder}`);
    while (!stop.aborted) await generation(options, changed.wait());
    return 0;
  } finally {
    stop.removeEventListener("abort", stopped);
    watcher.close();
  }
}

/** Runs processes until `over` resolves. */
async function generation(options: SupervisorOptions, over: Promise<void>): Promise<void> {
  const { commandLine, count, clock, logger } = options;
  const stop = new AbortController();
  const kill = new AbortController();
  const haste = () => kill.abort();
  options.kill.addEventListener("abort", haste);
  const endings = Array.from({ length: count }, async () => {
    const child = startChild(commandLine, { stop: stop.signal, kill: kill.signal });
    const { code } = await child.ended;
    if (!stop.signal.aborted) {
      logger.warn(`worker process ${child.pid} ended with exit code ${code}, waiting for a change`);
    }
  });
  await over;
  stop.abort();
  const timer = options.stop.aborted ? undefined : clock.timer(patience, haste);
  await Promise.all(endings);
  timer?.cancel();
  options.kill.removeEventListener("abort", haste);
}
