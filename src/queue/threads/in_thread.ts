import { currentScope } from "../context/task_context.ts";
import type { Handler } from "../tasks/middleware.ts";

/** Creates a handler that calls a registered function in the thread of the running task. */
export function inThread(fnName: string, module: string): Handler {
  return async (...args) => await currentScope("the thread of the task").callInThread!(module, fnName, args);
}
