import { AsyncLocalStorage } from "node:async_hooks";
import { StreaqError } from "../../base/errors.ts";
import { inside } from "./inside.ts";
import type { Scope, TaskContext } from "./scope.ts";

const scopes = findScopes();

/** Runs `fn` with `scope` in sight, across every `await` in it. */
export function runInScope<T>(scope: Scope, fn: () => T): T {
  return scopes.run(scope, fn);
}

/**
 * The running task's context. It works in the task's body, in what it calls, in its default parameters and in
 * middleware.
 *
 * @throws {StreaqError} Outside a running task.
 *
 * @example
 * ```ts
 * import { taskContext, Worker } from "@q/streaq";
 *
 * const worker = new Worker();
 * const getId = worker.task(async function getId(ctx = taskContext()) {
 *   return await Promise.resolve(ctx.taskId);
 * });
 * ```
 */
export function taskContext(): TaskContext {
  return currentScope("The task's context").task;
}

/**
 * What the running worker's `lifespan` yielded, for tasks that are defined without knowing that worker.
 *
 * @throws {StreaqError} Outside a running task, and in a thread.
 */
export function workerContext<C>(): C {
  const { workerContext, inThread } = currentScope("The worker's context");
  if (inThread) throw new StreaqError("The worker's context is not available in a thread");
  return workerContext as C;
}

/**
 * The queue of the task that runs in this thread; `undefined` on the main thread.
 *
 * A worker that a module makes for its functions may have been included elsewhere: in the thread, nobody has done that.
 */
export function queueInThread(): string | undefined {
  const scope = scopes.getStore();
  return scope?.inThread ? scope.queueName : undefined;
}

/** In a thread there is one store for all copies of the library, so that a module finds its task with its own copy. */
function findScopes(): AsyncLocalStorage<Scope> {
  const thread = inside();
  return thread ? thread.scopes ??= new AsyncLocalStorage() : new AsyncLocalStorage();
}

/** The scope that this runs in. @throws {StreaqError} Outside a running task. */
export function currentScope(what: string): Scope {
  const scope = scopes.getStore();
  if (!scope) throw new StreaqError(`${what} is there only while a task runs`);
  return scope;
}
