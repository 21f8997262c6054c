import type { RedisClient } from "../../redis/mod.ts";
import type { Consumer, ConsumerOptions } from "./consumer.ts";
import type { Occurrence, ScheduleAnswer, NewSchedule, StoredSchedule } from "./schedule.ts";

/** A stored record as its serializer made it: text, or bytes. */
export type Payload = string | Uint8Array;

/** A task to be stored and queued. */
export interface NewTask {
  readonly id: string;
  readonly data: Payload;
  readonly priority: string;
  /** Until when it waits: milliseconds from now on, or a time; `undefined` for a task that is ready. */
  readonly due?: number | Date | undefined;
  /** Tasks that must have succeeded before it is queued. Those of the same call come before it. */
  readonly after?: readonly string[] | undefined;
  /** The task that has the result of this one as its input; stored in the same step. */
  readonly next?: NewTask | undefined;
}

/**
 * What became of a {@linkcode NewTask} with all that it is piped into: stored now, already there, already ended, or
 * refused by the store with an error that concerns this task alone.
 */
export type Published = "created" | "exists" | "done" | Error;

/** A result to be stored. */
export interface NewResult {
  readonly result: Payload;
  /** How long it is kept, in milliseconds; `null` for ever, 0 not at all. */
  readonly ttl: number | null;
}

/** What only those can tell who read records, which a broker does not. None of it ever throws. */
export interface RecordReader {
  /** Whether a result is that of a task that succeeded. */
  hasSucceeded(taskId: string, result: Payload): boolean;
  /**
   * The end of a task that is not run because one that it depends on has failed.
   *
   * @param data The task's record.
   * @param failedId The task that has failed, perhaps some way above it.
   */
  failDependent(taskId: string, data: Payload, failedId: string): NewResult;
}

/** The end of a task from outside. */
export interface Cancellation extends NewResult {
  readonly taskId: string;
  /** Text by which this very call knows itself again when it is repeated. */
  readonly mark: string;
}

/** Where a task is in its life. */
export type State = "missing" | "scheduled" | "queued" | "running" | "done";

/** The states of tasks that have not ended. */
export type OpenState = Exclude<State, "missing" | "done">;

/** What is stored of a task that has not ended. */
export interface Found {
  readonly taskId: string;
  readonly data: Payload;
  /** Runs that were started, or tried and counted, so far. */
  readonly tries: number;
  readonly state: OpenState;
  /** When it is due, in Unix milliseconds, if it waits for a time. */
  readonly dueTime: number | null;
  /** Tasks that it still waits for, as many as were asked for at most. */
  readonly dependencies: readonly string[];
  /** Tasks that wait for it, as many as were asked for at most. */
  readonly dependents: readonly string[];
}

/** Everything that waits can be given up. */
export interface Waiting {
  readonly signal?: AbortSignal | undefined;
}

/**
 * What a queue needs from storage. A state of a task changes in one atomic step each, and each step can be repeated
 * with the same end, so a call that failed on the way is simply made again.
 */
export interface Broker extends AsyncDisposable {
  /** The connected client. @throws {StreaqError} When no Redis lies under this broker. */
  readonly redis: RedisClient;

  /** Connects now instead of at the first operation. */
  connect(options?: Waiting): Promise<void>;
  /**
   * Stores tasks and queues them, or lets them wait for their time or for other tasks; answers in order. A task that
   * depends on one that has failed has failed with it; one that depends on an unknown one is refused.
   */
  publish(tasks: readonly NewTask[], options?: Waiting): Promise<Published[]>;
  /** Where a task is now. */
  state(taskId: string): Promise<State>;
  /**
   * What is stored of a task; `null` when it is unknown or has ended.
   *
   * @param options.relatives How many dependencies and how many dependents to list at most.
   */
  find(taskId: string, options: { relatives: number }): Promise<Found | null>;
  /** The results of tasks that have ended and whose results are kept; `null` in the place of others. */
  results(taskIds: readonly string[]): Promise<(Payload | null)[]>;
  /**
   * Waits until the task has ended. A result that was stored before, during or after the call is not missed.
   *
   * @returns The result's record; `null` when there is no such task, or its result is gone.
   */
  result(taskId: string, options?: Waiting): Promise<Payload | null>;
  /** Ends a task wherever it is, and with it those that depend on it; `false` when it had ended or is unknown. */
  abort(cancellation: Cancellation, options?: Waiting): Promise<boolean>;
  /** Tasks in a state, at most `limit`; of one priority, or of all, highest first. */
  list(state: OpenState, options: { limit: number; priority?: string | undefined }): Promise<Found[]>;
  /** The most recent results that are still kept, latest first, at most `limit`: their ids and records. */
  recent(limit: number): Promise<[taskId: string, result: Payload][]>;
  /** How many tasks have not ended. */
  size(options: { includeScheduled: boolean }): Promise<number>;
  /** The time now, in Unix milliseconds by the server's clock. */
  time(): Promise<number>;
  /** Lets a task repeat, beginning with its next occurrence. */
  repeat(repetition: NewSchedule, first: Occurrence, options?: Waiting): Promise<ScheduleAnswer>;
  /**
   * Lets a task repeat no more; `false` when it did not.
   *
   * @param options.withdraw Whether to take back the occurrence that waits, unless it runs already.
   */
  unrepeat(name: string, options: { withdraw: boolean }): Promise<boolean>;
  /** Tasks that repeat, the soonest first. */
  repetitions(limit: number): Promise<StoredSchedule[]>;
  /** A worker's access to the queue. */
  consumer(options: ConsumerOptions): Consumer;
  /** Releases everything; whatever is waiting rejects. */
  close(): Promise<void>;
}
