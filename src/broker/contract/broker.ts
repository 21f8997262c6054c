import type { RedisClient } from "../../redis/mod.ts";
import type { Cancellable } from "./cancellable.ts";
import type { Consumer, ConsumerOptions } from "./consumer.ts";
import type { Failures } from "./failures.ts";
import type { Payload } from "./payload.ts";
import type { Cancellation } from "./result.ts";
import type { NewSchedule, Occurrence, ScheduleAnswer, StoredSchedule } from "./schedule.ts";
import type { Found, NewTask, OpenState, Published, State } from "./task.ts";

/** The producer's side of a queue: stores tasks and schedules. */
export interface Publishing {
  /** Beginning of ids that are generated here: the results of such tasks reach this process on a shorter way. */
  readonly idPrefix: string;
  /**
   * Stores tasks, and queues, delays or defers each. A task with a failed dependency fails with it; one with an unknown
   * dependency is refused.
   *
   * @returns The outcome for each task, in order.
   */
  publish(tasks: readonly NewTask[], options?: Cancellable): Promise<Published[]>;
  /** The time now, in Unix milliseconds by the server's clock. */
  time(): Promise<number>;
  /** Stores a schedule, beginning with its next occurrence. */
  schedule(schedule: NewSchedule, first: Occurrence, options?: Cancellable): Promise<ScheduleAnswer>;
  /**
   * Removes a schedule; `false` when there was none.
   *
   * @param options.withdraw Whether to withdraw occurrences that have not started.
   */
  unschedule(name: string, options: { withdraw: boolean }): Promise<boolean>;
}

/** The observer's side of a queue: looks at tasks, waits for results, aborts. */
export interface Inspecting {
  /** State of a task. */
  state(taskId: string): Promise<State>;
  /**
   * The stored data of a task; `null` when it is unknown or has finished.
   *
   * @param options.relatives Maximum number of dependencies, and of dependents, to list.
   */
  find(taskId: string, options: { relatives: number }): Promise<Found | null>;
  /** The stored results, in order; `null` for a task without one. */
  results(taskIds: readonly string[]): Promise<(Payload | null)[]>;
  /**
   * Waits until the task has finished. Never misses a result stored before, during or after the call.
   *
   * @returns The result's record; `null` when the task is unknown, or its result is gone.
   */
  result(taskId: string, options?: Cancellable): Promise<Payload | null>;
  /** Aborts a task in any state, which fails its dependents; `false` when it has finished or is unknown. */
  abort(cancellation: Cancellation, options?: Cancellable): Promise<boolean>;
  /** Tasks in a state, at most `limit`; of one priority, or of all, highest first. */
  list(state: OpenState, options: { limit: number; priority?: string | undefined }): Promise<Found[]>;
  /** The most recent results that are still stored, latest first, at most `limit`. */
  recent(limit: number): Promise<[taskId: string, result: Payload][]>;
  /** Number of tasks that have not finished. */
  size(options: { includeScheduled: boolean }): Promise<number>;
  /** Stored schedules, in the order in which they are due next, at most `limit`. */
  schedules(limit: number): Promise<StoredSchedule[]>;
}

/**
 * Everything that a queue needs from storage. Each change of a task's state is one atomic step, and repeating it has
 * the same outcome. So a call that failed on the way is simply made again.
 */
export interface Broker extends Publishing, Inspecting, AsyncDisposable {
  /** The connected client. @throws {StreaqError} When the broker has no Redis. */
  readonly redis: RedisClient;
  readonly failures: Failures;

  /** Connects now instead of at the first operation. */
  connect(options?: Cancellable): Promise<void>;
  /** Opens a worker's access to the queue. */
  consumer(options: ConsumerOptions): Consumer;
  /** Lets the process exit by itself while no operation is in progress, though connections are open. */
  unref(): void;
  /** Releases everything; pending operations reject. */
  close(): Promise<void>;
}
