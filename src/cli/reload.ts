import { relative } from "node:path";
import { onAbort } from "../base/abort.ts";
import { Notice } from "../base/async.ts";
import { startChild } from "./child.ts";
import type { SupervisorOptions } from "./supervise.ts";
import { SourceWatcher } from "./watch.ts";

/** How long a process may take to shut down before it is killed, in milliseconds. */
const shutdownTimeout = 5000;

/**
 * Runs worker processes, and restarts them whenever a source file in a folder or below it changes. A process that fails
 * is not restarted before that, as only a change may fix it.
 *
 * @returns The exit code 0, when `options.stop` is aborted.
 */
export async function reload(options: SupervisorOptions, folder: string): Promise<number> {
  const { stop, clock, logger } = options;
  const changed = new Notice();
  const watcher = new SourceWatcher(folder, {
    clock,
    onChange(path) {
      logger.info(`${relative(folder, path)} changed, restarting`);
      changed.notify();
    },
  });
  const removeCallback = onAbort(stop, () => changed.notify());
  try {
    logger.info(`watching ${folder}`);
    while (!stop.aborted) await runUntil(changed.wait(), options);
    return 0;
  } finally {
    removeCallback();
    watcher.close();
  }
}

/** Runs processes until `change` resolves, and then shuts them down. */
async function runUntil(change: Promise<void>, options: SupervisorOptions): Promise<void> {
  const { commandLine, count, clock, logger } = options;
  const stop = new AbortController();
  const kill = new AbortController();
  const removeCallback = onAbort(options.kill, () => kill.abort());
  const exits = Array.from({ length: count }, async () => {
    const child = startChild(commandLine, { stop: stop.signal, kill: kill.signal });
    const { code } = await child.exited;
    if (!stop.signal.aborted) {
      logger.warn(`worker process ${child.pid} exited with code ${code}, waiting for a file to change`);
    }
  });
  await change;
  stop.abort();
  const timer = options.stop.aborted ? undefined : clock.timer(shutdownTimeout, () => kill.abort());
  await Promise.all(exits);
  timer?.cancel();
  removeCallback();
}
