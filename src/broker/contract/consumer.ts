import type { NewResult, Payload, Waiting } from "./broker.ts";
import type { DueSchedules, Tick } from "./schedule.ts";

/**
 * A task in the hands of one worker. The stream entry together with the number of its deliveries is the lease: whoever
 * takes the entry over raises the number, and the lease is lost.
 */
export interface Delivery {
  readonly taskId: string;
  readonly priority: string;
  readonly entryId: string;
  readonly deliveries: number;
  /** Whether its last two runs were cut off with their workers, which may have been its own doing. */
  readonly isSuspect: boolean;
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
 * The answer to starting a delivery: run it, `lost` because somebody else holds it now, `ended` because the task had its
 * result already.
 */
export type Start = Started | "lost" | "ended";

/** A delivery that runs from now on. */
export interface Started {
  /** Which run this is, from 1 on. */
  readonly tries: number;
  /** The task's record; `null` when it is gone. */
  readonly data: Payload | null;
  /** When it was started, in Unix milliseconds by the server's clock. */
  readonly time: number;
  /** Whether the task was never started before. */
  readonly isFirst: boolean;
  /** How many runs in a row the end of their worker has cut off before this one. */
  readonly crashes: number;
  /** What was piped into it; `null` when nothing was. */
  readonly input: Payload | null;
}

/** The end of a task. */
export interface Completion extends NewResult {
  readonly delivery: Delivery;
  /** A success counts from whoever comes first; a failure only from the holder of the lease. */
  readonly success: boolean;
  /** What is piped into another task, and which. */
  readonly output?: { readonly next: string; readonly input: Payload } | undefined;
}

/** A task that is to be tried again later. */
export interface Deferral {
  readonly delivery: Delivery;
  /** Runs so far; all of them are spent. */
  readonly tries: number;
  /** Until when: milliseconds from now on, or a time. */
  readonly until: number | Date;
}

/** What moving due tasks has brought. */
export interface Promotion {
  readonly promoted: number;
  /** In how many milliseconds the next one is due; `null` when none waits. */
  readonly next: number | null;
  /** In how many milliseconds a task that repeats is next due, 0 when one is; `null` when there is none. */
  readonly nextRepetition: number | null;
}

/** The lock of a function that runs for one task at a time. */
export interface Lock {
  readonly fnName: string;
  readonly taskId: string;
  /** Which run of the task has it: 32 hex characters. */
  readonly token: string;
}

/** What cannot wait until the next read. */
export type QueueEvent =
  /** Tasks were handed back, or earlier news may have been missed. */
  | { readonly kind: "released" | "connected" }
  /** Tasks have ended that others wait for, who are still to be told. */
  | { readonly kind: "fan-out" }
  /** A worker has joined, whose idle timeout may be another. */
  | { readonly kind: "joined" }
  /** A task was aborted. */
  | { readonly kind: "aborted"; readonly taskId: string }
  /** A delayed task has become the earliest; it is due in so many milliseconds. */
  | { readonly kind: "due"; readonly ms: number };

/** What became of tasks that waited for others which have ended. */
export interface FanOutReport {
  /** How many wait no longer. */
  readonly released: number;
  /** How many have failed with what they depended on. */
  readonly failed: number;
  /** Whether there are more. */
  readonly unfinished: boolean;
}

/** What a worker says of itself with each sign of life. */
export interface WorkerStatus {
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
  join(life: WorkerStatus, options?: Waiting): Promise<Renewal>;
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
  /**
   * Calls `listener` with what cannot wait.
   *
   * @param options.isPatient Whether it may take half a minute until news are found to be missing.
   * @returns Stops listening.
   */
  onNews(listener: (news: QueueEvent) => void, options: { isPatient: () => boolean }): () => void;
  /** Notes that the deliveries run from now on, and loads what they need. */
  start(deliveries: readonly Delivery[]): Promise<Start[]>;
  /** Stores ends: `false` where somebody else ended the task, or holds it, an error where the store refuses it for good. */
  finish(endings: readonly Completion[]): Promise<(boolean | Error)[]>;
  /** Tells a bounded number of tasks that others have ended which they waited for. */
  fanOut(): Promise<FanOutReport>;
  /** Puts tasks back to be tried again later; answers like {@linkcode Consumer.finish}. */
  retry(deferrals: readonly Deferral[]): Promise<(boolean | Error)[]>;
  /** Moves tasks that are due to where they are read. */
  promote(): Promise<Promotion>;
  /** Tasks that repeat whose occurrence has become due. */
  agenda(): Promise<DueSchedules>;
  /** Enqueues the next occurrences, each once; how many were not enqueued by somebody else before. */
  tick(ticks: readonly Tick[]): Promise<number>;
  /** Says that this worker has jobs in its code; answers with those that are not scheduled. */
  know(names: readonly string[]): Promise<string[]>;
  /**
   * Takes a lock for `idleTimeout`, or takes it over from another run of the task.
   *
   * @returns `null` when it is taken, the id of the task that has it, or an error where the store refuses it for good.
   */
  lock(lock: Lock): Promise<string | null | Error>;
  /** Extends locks by `idleTimeout`; answers those that are lost. */
  extend(locks: readonly Lock[]): Promise<Lock[]>;
  /** Releases a lock, if it is still that of the run. */
  unlock(lock: Lock): Promise<void>;
  /** Extends the leases of all that is held, and says that the worker lives. */
  renew(held: readonly Delivery[], life: WorkerStatus): Promise<Renewal>;
  /**
   * Says that the worker lives, when it holds nothing.
   *
   * @returns How many tasks are in the hands of workers; `null` when it was not known any more that this one lives, so that
   * it should join again.
   */
  beat(life: WorkerStatus): Promise<number | null>;
  /** Clears a part of what dead workers and lost data leave behind; each call goes on where the last one stopped. */
  tidy(): Promise<void>;
  /** Hands deliveries back for any worker to take at once, at the cost of no try. */
  release(deliveries: readonly Delivery[]): Promise<void>;
  /** Takes entries that name no task out of the stream, and notes them in the dead-letter list. */
  discard(entries: readonly BrokenEntry[]): Promise<void>;
  /**
   * Says goodbye: hands back whatever may still be held and forgets the consumer.
   *
   * @param ran What has run, and could not be ended: its try is spent.
   */
  leave(life: WorkerStatus, ran: readonly Delivery[]): Promise<void>;
}
