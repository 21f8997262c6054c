import { currentScope } from "../context/task_context.ts";
import type { Handler } from "../tasks/middleware.ts";

/** A handler that calls a function of this name in the thread that the running task was given. */
export function inThread(fnName: string, module: string): Handler {
  return async (...args) => await currentScope("The task's thread").callInThread!(module, fnName, args);
}
