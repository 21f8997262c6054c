import type { TaskStatus } from "../inspect/task_status.ts";
import type { Piped } from "../tasks/tuple.ts";
import type { StartOptions } from "./start_options.ts";
import type { Task } from "./task.ts";
import type { TaskOptions } from "../tasks/task_options.ts";
import type { Worker } from "../worker.ts";

/** A function that a worker knows as a task: call it to run it here and now, or enqueue it. */
export interface RegisteredTask<A extends unknown[], R> {
  (...args: A): Promise<R>;
  /** The name that it is enqueued under. */
  readonly fnName: string;
  /** The worker that it is registered with. */
  readonly worker: Worker<unknown>;
  /** The options that it was registered with. */
  readonly options: Readonly<TaskOptions>;
  /** Makes a request to run it in a worker; it is sent when it is awaited. */
  enqueue(...args: A): EnqueueRequest<R>;
}

/** A task to be enqueued; it is sent when it is awaited, once, however often that happens. */
export interface EnqueueRequest<R> extends PromiseLike<Task<R>> {
  /** The task's id, there already. */
  readonly id: string;
  /** Where the task is in its life; `"missing"` until it is sent. */
  status(): Promise<TaskStatus>;
  /**
   * Says how to enqueue the task, and returns the same request.
   *
   * @throws {StreaqError} When an option is not possible, or the request was sent already.
   */
  start(options?: StartOptions): EnqueueRequest<R>;
  /**
   * Runs another task with the result of this one: as one argument, spread over several where it was made with
   * {@linkcode tuple}, or as none where this task returns nothing. The whole pipeline is stored in one call, of at most
   * 500 tasks, when any of its requests is awaited; each resolves to its own task. Where the first has an `id` of yours,
   * the later ones have that and their number: `order-17.2` and so on.
   *
   * @returns The request of the other task, which takes no option of `start()` but `priority`.
   * @throws {StreaqError} When this request was sent already, repeats, is piped into another one, or in another queue.
   *
   * @example
   * ```ts
   * import { Worker } from "@q/streaq";
   *
   * const worker = new Worker();
   * const double = worker.task(function double(value: number) {
   *   return value * 2;
   * });
   * const isEven = worker.task(function isEven(value: number) {
   *   return value % 2 === 0;
   * });
   * const pipeline = double.enqueue(21).pipe(isEven); // awaited, it is a task whose result is `true`
   * ```
   */
  pipe<A extends unknown[], R2>(next: Piped<R> extends A ? RegisteredTask<A, R2> : never): EnqueueRequest<R2>;
  /**
   * Runs another task with the result of this one, and with named arguments.
   *
   * @param kwargs They arrive as one object behind what is piped; one without properties counts as none.
   */
  pipe<A extends unknown[], R2, K extends object>(
    next: [...Piped<R>, K] extends A ? RegisteredTask<A, R2> : never,
    kwargs: K,
  ): EnqueueRequest<R2>;
}

/** What registering `F` gives. A class gives `never`. */
export type Registered<F> = F extends (...args: infer A) => infer R ? RegisteredTask<A, Awaited<R>> : never;
