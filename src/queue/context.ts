import { AsyncLocalStorage } from "node:async_hooks";
import { StreaqError } from "../base/errors.ts";

/** What a running task knows of itself. */
export interface TaskContext {
  /** The name that the task was enqueued under. */
  readonly fnName: string;
  /** The task's id. */
  readonly taskId: string;
  /** Which run this is, from 1 on. */
  readonly tries: number;
  /** The task's `timeout` in milliseconds; `null` for none. */
  readonly timeout: number | null;
  /** The task's `ttl` in milliseconds; `null` for ever. */
  readonly ttl: number | null;
  /** Aborted when the task should stop; its `reason` says why. */
  readonly signal: AbortSignal;
}

/** A running task together with the context of the worker that runs it. */
export interface Scope {
  readonly task: TaskContext;
  readonly workerContext: unknown;
}

const scopes = new AsyncLocalStorage<Scope>();

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
  return current("The task's context").task;
}

/**
 * What the running worker's `lifespan` yielded, for tasks that are defined without knowing that worker.
 *
 * @throws {StreaqError} Outside a running task.
 */
export function workerContext<C>(): C {
  return current("The worker's context").workerContext as C;
}

function current(what: string): Scope {
  const scope = scopes.getStore();
  if (!scope) throw new StreaqError(`${what} is there only while a task runs`);
  return scope;
}
