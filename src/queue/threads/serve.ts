import { parentPort } from "node:worker_threads";
import { StreaqError } from "../../base/errors.ts";
import { threadGlobals } from "../context/thread_globals.ts";
import { Runner } from "./runner.ts";

/** A task that was registered. */
interface ThreadTask {
  readonly fnName: string;
  readonly options: { readonly thread?: string | undefined };
}

/**
 * Makes this thread take orders as soon as the first task with the option `thread` is registered in it. So a thread needs no
 * file but the module of the task, which may be a bundle. Does nothing on the main thread.
 *
 * @returns The task.
 * @throws {StreaqError} When the option is `undefined` because a bundler has left `import.meta` empty.
 */
export function serveInThread<T extends ThreadTask>(task: T): T {
  const { fnName, options } = task;
  if (options.thread !== undefined) {
    const globals = threadGlobals();
    if (globals && !globals.isListening) new Runner(parentPort!, globals).listen();
  } else if ("thread" in options && (import.meta.url as string | undefined) === undefined) {
    throw new StreaqError(
      `Cannot register task ${fnName}: option "thread" is undefined, as import.meta.url is in this CommonJS bundle. ` +
        "Build an ES module, or use pathToFileURL(__filename).href",
    );
  }
  return task;
}
