import type { TaskStatus } from "../inspect/task_status.ts";
import type { TaskOptions } from "../tasks/task_options.ts";
import type { Piped } from "../tasks/tuple.ts";
import type { Worker } from "../worker.ts";
import type { StartOptions } from "./start_options.ts";
import type { Task } from "./task.ts";

/**
 * A registered function: call it to run it here and now, or enqueue it to run it in a worker.
 *
 * @example
 * ```ts
 * import { Worker } from "@q/streaq";
 *
 * const worker = new Worker();
 * const double = worker.task("double", (value: number): number => value * 2);
 *
 * console.log(await double(21)); // 42, without Redis
 * const task = await double.enqueue(21); // In a worker.
 * ```
 */
export interface RegisteredTask<A extends unknown[], R> {
  (...args: A): Promise<R>;
  /** The name under which it is enqueued. */
  readonly fnName: string;
  /** The worker that it is registered with. */
  readonly worker: Worker<unknown>;
  /** The options that it was registered with. */
  readonly options: Readonly<TaskOptions>;
  /** Creates a request to run it in a worker. Await the request: that sends it. */
  enqueue(...args: A): EnqueueRequest<R>;
}

/**
 * A request to enqueue a task: a promise that does nothing until it is awaited. Awaiting it, or calling `then`, `catch` or
 * `finally`, sends it, once, however often that is done, and it resolves to the task.
 *
 * A request that is dropped without being sent is lost. Linters find one that is not awaited, as it is a `Promise`; when
 * the runtime collects it, a warning is logged, once for each name of a task.
 */
export interface EnqueueRequest<R> extends Promise<Task<R>> {
  /** The id of the task, which it has before it is sent. */
  readonly id: string;
  /** Reads the status of the task; `"missing"` until the request is sent. */
  status(): Promise<TaskStatus>;
  /**
   * Sets options for enqueuing the task.
   *
   * @returns The same request.
   * @throws {StreaqError | RangeError | TypeError} When an option is invalid, or the request was already sent.
   */
  start(options?: StartOptions): EnqueueRequest<R>;
  /**
   * Runs another task with the result of this one: as one argument, as several if it was made with {@linkcode tuple},
   * or as none if this task returns nothing. Awaiting any request of a pipeline, of at most 500 tasks, stores the whole
   * pipeline in one call; each request resolves to its own task. If you set the `id` of the first task, the ids of the
   * others derive from it: `order-17.2` and so on.
   *
   * @returns The request of the other task, for which `start()` takes only `priority`.
   * @throws {StreaqError} When this request was already sent, is already piped, repeats, or is in another queue.
   *
   * @example
   * ```ts
   * import { Worker } from "@q/streaq";
   *
   * const worker = new Worker();
   * const double = worker.task("double", (value: number): number => value * 2);
   * const isEven = worker.task("isEven", (value: number): boolean => value % 2 === 0);
   *
   * const task = await double.enqueue(21).pipe(isEven); // Its result is true.
   * ```
   */
  pipe<A extends unknown[], R2>(next: Piped<R> extends A ? RegisteredTask<A, R2> : never): EnqueueRequest<R2>;
  /**
   * Runs another task with the result of this one, and with named arguments.
   *
   * @param kwargs Arrives as one object after the piped arguments, unless it has no properties.
   */
  pipe<A extends unknown[], R2, K extends object>(
    next: [...Piped<R>, K] extends A ? RegisteredTask<A, R2> : never,
    kwargs: K,
  ): EnqueueRequest<R2>;
}

/** The type of the task that registering a function `F` returns; `never` for a class. */
export type Registered<F> = F extends (...args: infer A) => infer R ? RegisteredTask<A, Awaited<R>> : never;
