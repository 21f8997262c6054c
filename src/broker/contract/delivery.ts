import type { Payload } from "./payload.ts";

/**
 * A task that one worker has leased. The stream entry and its number of deliveries are the lease: a worker that takes
 * the entry over increments the number, and the former lease is lost.
 */
export interface Delivery {
  readonly taskId: string;
  readonly priority: string;
  readonly entryId: string;
  readonly deliveries: number;
  /** Whether the last two runs of the task ended with the death of their worker, which the task may have caused. */
  readonly isQuarantined: boolean;
  /** When the task became ready to run, in Unix milliseconds by the server's clock. */
  readonly enqueueTime: number;
}

/** A stream entry that names no task. */
export interface BrokenEntry {
  readonly priority: string;
  readonly entryId: string;
  readonly reason: string;
}

/** Outcome of a read. */
export interface Read {
  readonly deliveries: Delivery[];
  readonly broken: BrokenEntry[];
  /** Whether the search for expired leases stopped before the end; the next one continues from there. */
  readonly unfinished: boolean;
  /** Whether quarantined tasks were passed over because the limit for them was reached. */
  readonly passedOver: boolean;
  /** In how many milliseconds a lease that seems to have expired can be taken over; `null` when there is none. */
  readonly takeoverIn: number | null;
}

/** Whether to search for expired leases: not at all, from the first entry, or from where the last search stopped. */
export type Takeover = "none" | "first" | "continue";

/**
 * Outcome of starting a delivery: started, `lost` because another worker holds its lease, or `ended` because the task
 * had already finished.
 */
export type Start = Started | "lost" | "ended";

/** A delivery that was started. */
export interface Started {
  /** Number of this try; the first is 1. */
  readonly tries: number;
  /** The task's record; `null` when it is gone, or too large to be loaded. */
  readonly data: Payload | null;
  /** The size in bytes of a record that is too large to be loaded; `null` for any other. */
  readonly size: number | null;
  /** When it was started, in Unix milliseconds by the server's clock. */
  readonly time: number;
  /** Whether the task has never been started before. */
  readonly isFirst: boolean;
  /** How many consecutive runs before this one ended with the death of their worker. */
  readonly crashes: number;
  /** The input that was piped into the task; `null` for none. */
  readonly input: Payload | null;
}
