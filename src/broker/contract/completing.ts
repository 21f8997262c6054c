import type { Delivery } from "./delivery.ts";
import type { Payload } from "./payload.ts";
import type { NewResult } from "./result.ts";

/** The result of a delivery. */
export interface Completion extends NewResult {
  readonly delivery: Delivery;
  /** A success counts from whichever worker comes first; a failure only from the holder of the lease. */
  readonly success: boolean;
  /** The input for the next task of a pipeline. */
  readonly output?: { readonly next: string; readonly input: Payload } | undefined;
}

/** A task to be tried again later. */
export interface Deferral {
  readonly delivery: Delivery;
  /** Runs so far; all of them are spent. */
  readonly tries: number;
  /** When to try again: milliseconds from now, or a time. */
  readonly until: number | Date;
}

/** What a fan-out did to the dependents of finished tasks. */
export interface FanOutReport {
  /** How many no longer wait for it. */
  readonly released: number;
  /** How many failed with their dependency. */
  readonly failed: number;
  /** Whether there are more. */
  readonly unfinished: boolean;
}

/** How a worker stores outcomes. */
export interface Completing {
  /**
   * Stores results: `false` where the task has finished already or another worker holds the lease, an error where the
   * store refuses the result for good.
   */
  finish(completions: readonly Completion[]): Promise<(boolean | Error)[]>;
  /** Puts tasks back to be tried again later; answers like {@linkcode Completing.finish}. */
  retry(deferrals: readonly Deferral[]): Promise<(boolean | Error)[]>;
  /** Releases deliveries for any worker to take at once, at the cost of no try. */
  release(deliveries: readonly Delivery[]): Promise<void>;
  /** Releases or fails a bounded number of dependents of tasks that have finished. */
  fanOut(): Promise<FanOutReport>;
}
