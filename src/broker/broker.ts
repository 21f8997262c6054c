import type { RedisClient } from "../redis/mod.ts";

/** A stored record as its serializer made it: text, or bytes. */
export type Payload = string | Uint8Array;

/** A task to be stored and queued. */
export interface NewTask {
  readonly id: string;
  readonly data: Payload;
  readonly priority: string;
}

/**
 * What became of a {@linkcode NewTask}: stored now, already there, already ended, or refused by the store with an error
 * that concerns this task alone.
 */
export type Published = "created" | "exists" | "done" | Error;

/**
 * A task in the hands of one worker. The stream entry together with the number of its deliveries is the lease: whoever
 * takes the entry over raises the number, and the lease is lost.
 */
export interface Delivery {
  readonly taskId: string;
  readonly priority: string;
  readonly entryId: string;
  readonly deliveries: number;
  /** When the task became ready to run, in Unix milliseconds by the server's clock. */
  readonly enqueueTime: number;
}

/** An entry of a stream that names no task. */
export interface BrokenEntry {
  readonly priority: string;
  readonly entryId: string;
  /** What is wrong with it. */
  readonly reason: string;
}

/** What a read found. */
export interface Read {
  readonly deliveries: Delivery[];
  readonly broken: BrokenEntry[];
  /** Whether the search for leases that ran out has not come to its end: the next one goes on from there. */
  readonly unfinished: boolean;
  /** The answers for those that were started with the read. */
  readonly starts?: ReadonlyMap<Delivery, Start> | undefined;
}

/**
 * The answer to starting a delivery: run it (`data` is `null` when the record is gone), `lost` because somebody else
 * holds it now, `ended` because the task had its result already.
 */
export type Start = { readonly tries: number; readonly data: Payload | null } | "lost" | "ended";

/** The end of a task. */
export interface Ending {
  readonly delivery: Delivery;
  /** A success counts from whoever comes first; a failure only from the holder of the lease. */
  readonly success: boolean;
  readonly result: Payload;
  /** How long the result is kept, in milliseconds; `null` for ever, 0 not at all. */
  readonly ttl: number | null;
}

/** What a worker says of itself with each sign of life. */
export interface SignOfLife {
  readonly workerId: string;
  /** A line for people. */
  readonly summary: string;
}

/** Whether and from where to look for leases that ran out. */
export type Takeover = "no" | "from the beginning" | "on";

/** What a sign of life brought back. */
export interface Renewal {
  /** What was held and now belongs to somebody else, or to nobody. */
  readonly lost: Delivery[];
  /** The largest `idleTimeout` of the living workers of this queue, in milliseconds. */
  readonly idleTimeout: number;
}

/** Where a task is in its life. */
export type State = "missing" | "scheduled" | "queued" | "running" | "done";

/** What is stored of a task that has not ended. */
export interface Found {
  readonly data: Payload;
  /** Runs that were started, or tried and counted, so far. */
  readonly tries: number;
  readonly state: State;
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
  /** A worker's access to the queue. */
  consumer(options: ConsumerOptions): Consumer;
  /** Releases everything; whatever is waiting rejects. */
  close(): Promise<void>;
}

/** What a {@linkcode Consumer} is. */
export interface ConsumerOptions {
  /** Unique among all runs of all workers, so that no two ever share a lease. */
  readonly name: string;
  /** From lowest to highest. */
  readonly priorities: readonly string[];
  /** After how many milliseconds without a sign of life a task is taken over. */
  readonly idleTimeout: number;
}

/** A worker's access to the queue: it leases tasks, says that it lives, and ends them or hands them back. */
export interface Consumer {
  /** Makes sure that there is something to read from, and gives the first sign of life. */
  join(life: SignOfLife, options?: Waiting): Promise<Renewal>;
  /**
   * Leases what is there, highest priority first, without waiting.
   *
   * @param options.takeover Look first for tasks whose lease ran out, but for those in `held`: from the beginning, or on
   * from where the last search stopped.
   */
  read(count: number, options: { takeover: Takeover; held: Iterable<Delivery> }): Promise<Read>;
  /**
   * Leases what comes, waiting `ms` milliseconds for it; ended early by {@linkcode Consumer.wake}. May exceed `count`.
   *
   * @param options.start How many of them to start as well, which is the same as to {@linkcode Consumer.start} them.
   * @returns With the starts of those that were started.
   */
  wait(count: number, ms: number, options: { start: number }): Promise<Read>;
  /** Ends the wait that is under way, if there is one, without losing what it may have leased. */
  wake(): void;
  /** Calls `listener` when something happened that cannot wait until the next read. Returns how to stop listening. */
  onWake(listener: () => void): () => void;
  /** Notes that the deliveries run from now on, and loads what they need. */
  start(deliveries: readonly Delivery[]): Promise<Start[]>;
  /** Stores ends: `false` where somebody else ended the task, or holds it, an error where the store refuses it for good. */
  finish(endings: readonly Ending[]): Promise<(boolean | Error)[]>;
  /** Extends the leases of all that is held, and says that the worker lives. */
  renew(held: readonly Delivery[], life: SignOfLife): Promise<Renewal>;
  /** Hands deliveries back for any worker to take at once, at the cost of no try. */
  release(deliveries: readonly Delivery[]): Promise<void>;
  /** Takes entries that name no task out of the stream, and notes them in the dead-letter list. */
  discard(entries: readonly BrokenEntry[]): Promise<void>;
  /** Says goodbye: hands back whatever may still be held and forgets the consumer. */
  leave(life: SignOfLife): Promise<void>;
}
