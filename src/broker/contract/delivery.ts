import type { Payload } from "./payload.ts";

/**
 * A task in the hands of one worker. The stream entry together with its number of deliveries is the lease: a worker that
 * takes the entry over raises the number, and the lease is lost.
 */
export interface Delivery {
  readonly taskId: string;
  readonly priority: string;
  readonly entryId: string;
  readonly deliveries: number;
  /** Whether its last two runs were cut off together with their workers, so that it may be what killed them. */
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

/** What a read leased. */
export interface Read {
  readonly deliveries: Delivery[];
  readonly broken: BrokenEntry[];
  /** Whether the search for expired leases has not reached the end: the next one continues from there. */
  readonly unfinished: boolean;
  /** Whether quarantined tasks were passed over because as many as allowed were taken. */
  readonly passedOver: boolean;
}

/** Whether to search for expired leases, and from where: not at all, from the first entry, or from where the last search stopped. */
export type Takeover = "none" | "first" | "continue";

/**
 * Answer to starting a delivery: run it, `lost` because another worker holds its lease, `ended` because the task has
 * finished already.
 */
export type Start = Started | "lost" | "ended";

/** A delivery that runs from now on. */
export interface Started {
  /** Number of this run, from 1. */
  readonly tries: number;
  /** The task's record; `null` when it is gone. */
  readonly data: Payload | null;
  /** When it was started, in Unix milliseconds by the server's clock. */
  readonly time: number;
  /** Whether the task was never started before. */
  readonly isFirst: boolean;
  /** How many runs in a row were cut off by the death of their worker before this one. */
  readonly crashes: number;
  /** The input piped into it; `null` for none. */
  readonly input: Payload | null;
}
