import type { RedisClient } from "../../redis/mod.ts";
import type { Cancellable } from "./cancellable.ts";
import type { Consumer, ConsumerOptions } from "./consumer.ts";
import type { Payload } from "./payload.ts";
import type { Cancellation } from "./result.ts";
import type { NewSchedule, Occurrence, ScheduleAnswer, StoredSchedule } from "./schedule.ts";
import type { Found, NewTask, OpenState, Published, State } from "./task.ts";

/** How tasks and schedules are stored. */
export interface Publishing {
  /**
   * Stores tasks and queues, delays or defers them; answers in order. A task with a failed dependency fails with it; one
   * with an unknown dependency is refused.
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

/** How a queue is looked at from outside. */
export interface Inspecting {
  /** State of a task. */
  state(taskId: string): Promise<State>;
  /**
   * The stored data of a task; `null` when it is unknown or has finished.
   *
   * @param options.relatives How many dependencies and how many dependents to list at most.
   */
  find(taskId: string, options: { relatives: number }): Promise<Found | null>;
  /** The results that are kept; `null` in the place of others. */
  results(taskIds: readonly string[]): Promise<(Payload | null)[]>;
  /**
   * Waits until the task has finished. Never misses a result stored before, during or after the call.
   *
   * @returns The result's record; `null` when the task is unknown, or its result is gone.
   */
  result(taskId: string, options?: Cancellable): Promise<Payload | null>;
  /** Ends a task in any state, and with it its dependents; `false` when it had finished or is unknown. */
  abort(cancellation: Cancellation, options?: Cancellable): Promise<boolean>;
  /** Tasks in a state, at most `limit`; of one priority, or of all, highest first. */
  list(state: OpenState, options: { limit: number; priority?: string | undefined }): Promise<Found[]>;
  /** The most recent results that are still kept, latest first, at most `limit`. */
  recent(limit: number): Promise<[taskId: string, result: Payload][]>;
  /** Number of tasks that have not finished. */
  size(options: { includeScheduled: boolean }): Promise<number>;
  /** Stored schedules, the next due first. */
  schedules(limit: number): Promise<StoredSchedule[]>;
}

/**
 * What a queue needs from storage. Each change of a task's state is one atomic step that can be repeated with the same
 * outcome, so a call that failed on the way is simply made again.
 */
export interface Broker extends Publishing, Inspecting, AsyncDisposable {
  /** The connected client. @throws {StreaqError} When the broker has no Redis. */
  readonly redis: RedisClient;

  /** Connects now instead of at the first operation. */
  connect(options?: Cancellable): Promise<void>;
  /** Opens a worker's access to the queue. */
  consumer(options: ConsumerOptions): Consumer;
  /** Releases everything; pending operations reject. */
  close(): Promise<void>;
}
