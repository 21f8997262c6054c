import type { RedisClient } from "../redis/mod.ts";
import type { Consumer, ConsumerOptions } from "./consumer.ts";
import type { Occurrence, Repeated, Repetition, ScheduledRepetition } from "./repetition.ts";

/** A stored record as its serializer made it: text, or bytes. */
export type Payload = string | Uint8Array;

/** A task to be stored and queued. */
export interface NewTask {
  readonly id: string;
  readonly data: Payload;
  readonly priority: string;
  /** Until when it waits: milliseconds from now on, or a time; `undefined` for a task that is ready. */
  readonly due?: number | Date | undefined;
}

/**
 * What became of a {@linkcode NewTask}: stored now, already there, already ended, or refused by the store with an error
 * that concerns this task alone.
 */
export type Published = "created" | "exists" | "done" | Error;

/** The end of a task from outside. */
export interface Cancellation {
  readonly taskId: string;
  readonly result: Payload;
  /** How long the result is kept, in milliseconds; `null` for ever, 0 not at all. */
  readonly ttl: number | null;
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
  readonly dependencies: readonly string[];
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
  /** Stores tasks and queues them, answering in order. */
  publish(tasks: readonly NewTask[], options?: Waiting): Promise<Published[]>;
  /** Where a task is now. */
  state(taskId: string): Promise<State>;
  /** What is stored of a task; `null` when it is unknown or has ended. */
  find(taskId: string): Promise<Found | null>;
  /**
   * Waits until the task has ended. A result that was stored before, during or after the call is not missed.
   *
   * @returns The result's record; `null` when there is no such task, or its result is gone.
   */
  result(taskId: string, options?: Waiting): Promise<Payload | null>;
  /** Ends a task wherever it is; `false` when it had ended or is unknown. */
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
  repeat(repetition: Repetition, first: Occurrence, options?: Waiting): Promise<Repeated>;
  /**
   * Lets a task repeat no more; `false` when it did not.
   *
   * @param options.withdraw Whether to take back the occurrence that waits, unless it runs already.
   */
  unrepeat(name: string, options: { withdraw: boolean }): Promise<boolean>;
  /** Tasks that repeat, the soonest first. */
  repetitions(limit: number): Promise<ScheduledRepetition[]>;
  /** A worker's access to the queue. */
  consumer(options: ConsumerOptions): Consumer;
  /** Releases everything; whatever is waiting rejects. */
  close(): Promise<void>;
}
