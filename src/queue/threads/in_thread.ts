import { currentScope } from "../context/task_context.ts";
import type { Handler } from "../tasks/middleware.ts";

/** A handler that calls a function of this name in the thread that the running task was given. */
export function inThread(fnName: string, module: string): Handler {
  return async (...args) => {
    const { task, thread, queueName } = currentScope("The task's thread");
    // Without the signal, which is made only when it is looked at, and cannot go there.
    const { taskId, tries, timeout, ttl } = task;
    return await thread!.call({ module, fnName, args, queueName, context: { fnName, taskId, tries, timeout, ttl } });
  };
}
