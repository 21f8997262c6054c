import { AsyncLocalStorage } from "node:async_hooks";
import { StreaqError } from "../../base/errors.ts";
import type { Scope, TaskContext } from "./scope.ts";
import { threadGlobals } from "./thread_globals.ts";

const scopes = findScopes();

/** Runs a function within a scope, which holds across every `await` in it. */
export function runInScope<T>(scope: Scope, fn: () => T): T {
  return scopes.run(scope, fn);
}

/**
 * Returns the context of the running task. It works in the function, in its default parameters, in everything that it
 * calls, and in middleware.
 *
 * @throws {StreaqError} Outside a running task.
 *
 * @example
 * ```ts
 * import { taskContext, Worker } from "@q/streaq";
 *
 * const worker = new Worker();
 * worker.task("load", async (url: string, { signal } = taskContext()): Promise<string> => {
 *   return await (await fetch(url, { signal })).text();
 * });
 * ```
 */
export function taskContext(): TaskContext {
  return currentScope("the task context").task;
}

/**
 * Returns the context that the `lifespan` of the running worker yielded, for functions that do not know their worker.
 *
 * @throws {StreaqError} Outside a running task, and in a thread.
 *
 * @example
 * ```ts
 * import { workerContext } from "@q/streaq";
 * import type { RedisClient } from "@q/streaq/redis";
 *
 * async function forget(key: string, { cache } = workerContext<{ cache: RedisClient }>()): Promise<void> {
 *   await cache.command(["DEL", key]);
 * }
 * ```
 */
export function workerContext<C>(): C {
  const { workerContext, inThread } = currentScope("the worker context");
  if (inThread) throw new StreaqError("Cannot read the worker context: a thread has no worker");
  return workerContext as C;
}

/**
 * The name of the queue of the task that runs in this thread; `undefined` on the main thread.
 *
 * In a thread, no worker includes the one of the module, which may therefore have another queue than the task.
 */
export function queueInThread(): string | undefined {
  const scope = scopes.getStore();
  return scope?.inThread ? scope.queueName : undefined;
}

/** In a thread, all copies of the library share one store, so that a module finds its task through its own copy. */
function findScopes(): AsyncLocalStorage<Scope> {
  const thread = threadGlobals();
  return thread ? thread.scopes ??= new AsyncLocalStorage() : new AsyncLocalStorage();
}

/**
 * The scope of the running task.
 *
 * @param purpose Names what the scope is needed for, in the error.
 * @throws {StreaqError} Outside a running task.
 */
export function currentScope(purpose: string): Scope {
  const scope = scopes.getStore();
  if (!scope) throw new StreaqError(`Cannot read ${purpose}: no task is running here`);
  return scope;
}
