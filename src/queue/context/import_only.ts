import { isInThread } from "./thread_globals.ts";

/** One mark for all copies of the library in this process: the command line and the module may use different ones. */
const mark = Symbol.for("@q/streaq/import-only");
const marked = globalThis as { [mark]?: boolean };

/**
 * Whether modules are imported only for what they define, though they may start and close their workers: in a thread, for
 * the functions; by the command line, for the queue.
 */
export function isImportOnly(): boolean {
  return isInThread() || marked[mark] === true;
}

/** Lets every call of `run()`, `drain()` and `close()` of this process return at once, or no longer. */
export function setImportOnly(value: boolean): void {
  marked[mark] = value;
}
