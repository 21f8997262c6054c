import type { RedisClient } from "../redis/mod.ts";
import type { Enqueued } from "./enqueue/enqueued.ts";
import type { EnqueueRequest } from "./enqueue/registered_task.ts";
import type { Failure } from "./failures/failure.ts";
import type { FailureFilter } from "./failures/failure_filter.ts";
import type { AbortOptions } from "./inspect/abort_options.ts";
import type { ListOptions } from "./inspect/list_options.ts";
import type { ResultOptions } from "./inspect/result_options.ts";
import type { Schedule } from "./inspect/schedule.ts";
import type { SizeOptions } from "./inspect/size_options.ts";
import type { TaskGraph } from "./inspect/task_graph.ts";
import type { TaskInfo } from "./inspect/task_info.ts";
import type { TaskStatus } from "./inspect/task_status.ts";
import type { OpenQueue } from "./open_queue.ts";
import type { ResolvedWorkerOptions } from "./options/resolve_worker_options.ts";
import type { TaskResult } from "./records/task_result.ts";
import { splitArguments } from "./tasks/kwargs.ts";
import { checkTaskName } from "./tasks/task_name.ts";

type QueueClientOptions = Pick<ResolvedWorkerOptions<unknown>, "queueName" | "timeZone" | "clock">;

/** The operations on a queue that every process has, whether it runs tasks or not. */
export abstract class QueueClient {
  readonly #options: QueueClientOptions;
  readonly #queue: OpenQueue;

  /** @ignore Workers are created with `new Worker()`. */
  protected constructor(options: QueueClientOptions, queue: OpenQueue) {
    this.#options = options;
    this.#queue = queue;
  }

  /** The name of the queue. */
  get queueName(): string {
    return this.#options.queueName;
  }

  /**
   * The Redis client of the worker.
   *
   * @throws {StreaqError} When the queue is in memory.
   */
  get redis(): RedisClient {
    return this.#queue.broker.redis;
  }

  /**
   * Enqueues many tasks, in calls of 125 that do not wait for each other. If one cannot be stored as it is, none is sent.
   *
   * @returns The tasks, in order and typed.
   * @throws {EnqueueError} When some could not be stored; its `tasks` are those that were.
   */
  async enqueueMany<const T extends readonly EnqueueRequest<unknown>[]>(requests: T): Promise<Enqueued<T>> {
    return await this.#queue.producer.enqueueMany(requests);
  }

  /**
   * Creates a request to run a task that is registered elsewhere, by its name. Nothing checks the arguments.
   *
   * @param args Its arguments; named ones, made with {@linkcode kwargs}, come last.
   * @throws {StreaqError} When the name is invalid.
   */
  enqueueUnsafe<R = unknown>(name: string, ...args: unknown[]): EnqueueRequest<R> {
    const fnName = checkTaskName(name, "enqueue");
    return this.#queue.producer.request<R>({ fnName, expire: null }, splitArguments(args));
  }

  /** Reads the status of a task. */
  async statusById(id: string): Promise<TaskStatus> {
    return await this.#queue.inspector.status(id);
  }

  /**
   * Waits until a task has finished.
   *
   * @throws {TimeoutError} When `timeout` passes first.
   * @throws {StreaqError} When the task is unknown, or its result is gone.
   */
  async resultById<R = unknown>(id: string, options?: ResultOptions): Promise<TaskResult<R>> {
    return await this.#queue.inspector.result(id, options) as TaskResult<R>;
  }

  /** Reads the stored data of a task; `null` when it is unknown or has finished. */
  async infoById(id: string): Promise<TaskInfo | null> {
    return await this.#queue.inspector.info(id);
  }

  /**
   * Completes a task at once, in any state: it fails with `StreaqCancelled`.
   *
   * @returns `true` when that is its result now; `false` when it had finished before, or is unknown.
   */
  async abortById(id: string, options?: AbortOptions): Promise<boolean> {
    return await this.#queue.inspector.abort(id, options);
  }

  /** Lists the most recent results that are kept, latest first. */
  getTasksByStatus(status: typeof TaskStatus.Done, options?: Pick<ListOptions, "limit">): Promise<TaskResult[]>;
  /**
   * Lists tasks that have not finished, highest priority first; within a priority, in the order in which they will run.
   * Running tasks come in no order.
   *
   * @throws {StreaqError} When the status is `"missing"`, or the queue has no such priority.
   * @throws {RangeError} When `limit` is not an integer from 1 to 10,000.
   */
  getTasksByStatus(
    status: typeof TaskStatus.Scheduled | typeof TaskStatus.Queued | typeof TaskStatus.Running,
    options?: ListOptions,
  ): Promise<TaskInfo[]>;
  async getTasksByStatus(status: TaskStatus, options?: ListOptions): Promise<unknown[]> {
    return await this.#queue.inspector.list(status, options);
  }

  /**
   * Lists the schedules of tasks that repeat, and of cron jobs once a worker that has them has run; the next due first.
   *
   * @param options.limit How many to list at most, from 1 to 10,000; 100 by default.
   */
  async schedules(options?: { limit?: number | undefined }): Promise<Schedule[]> {
    return await this.#queue.inspector.schedules(options);
  }

  /**
   * Computes when a cron expression is next due in the worker's `timeZone`, in Unix milliseconds; `null` for never.
   *
   * @throws {StreaqError} When the expression is invalid.
   */
  nextRun(expression: string): number | null {
    return this.#queue.calendar.next(expression, this.#options.timeZone, this.#options.clock.now());
  }

  /**
   * Reads the graph around a task: dependencies, dependents, theirs, and so on, the nearest first. Finished tasks are
   * included while their results are kept. A task remembers the first 100 of its dependencies.
   *
   * @param options.limit How many tasks to return at most, from 1 to 1,000; 100 by default.
   * @returns A graph without nodes when the task is unknown.
   */
  async graph(id: string, options?: { limit?: number | undefined }): Promise<TaskGraph> {
    return await this.#queue.inspector.graph(id, options);
  }

  /** Removes the schedule of a task, or of a cron job until a worker that has it in its code schedules it again. */
  async unscheduleById(id: string): Promise<boolean> {
    return await this.#queue.inspector.unschedule(id);
  }

  /** Counts the tasks that have not finished, including running ones. */
  async queueSize(options?: SizeOptions): Promise<number> {
    return await this.#queue.inspector.size(options);
  }

  /**
   * Lists failed tasks that are kept, the newest first: for `keepFailed`, and at most the newest 10,000.
   *
   * @param which One or several tasks by their ids, or a filter, with which `limit` says how many to list at most, from 1
   * to 10,000; 100 by default.
   */
  async failures(
    which: string | readonly string[] | FailureFilter & { limit?: number | undefined } = {},
  ): Promise<Failure[]> {
    return await this.#queue.failedTasks.list(which);
  }

  /** Counts the failed tasks that are kept. */
  async countFailures(): Promise<number> {
    return await this.#queue.failedTasks.count();
  }

  /**
   * Queues failed tasks again, with the same ids, arguments and priorities; their tries begin again. Tasks that failed with
   * one of them come back with it. A task that depends on one which stays failed stays failed, too.
   *
   * @param which One or several tasks by their ids, or a filter; `{}` means all.
   * @returns How many are queued again.
   */
  async retryFailed(which: string | readonly string[] | FailureFilter): Promise<number> {
    return await this.#queue.failedTasks.retry(which);
  }

  /**
   * Drops failed tasks, which cannot be retried any more.
   *
   * @param which One or several tasks by their ids, or a filter; `{}` means all.
   * @returns How many there were.
   */
  async purgeFailed(which: string | readonly string[] | FailureFilter): Promise<number> {
    return await this.#queue.failedTasks.purge(which);
  }
}
