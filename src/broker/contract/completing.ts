import type { Delivery } from "./delivery.ts";
import type { Payload } from "./payload.ts";
import type { NewFailure } from "./result.ts";

/** The result of a delivery. */
export interface Completion extends NewFailure {
  readonly delivery: Delivery;
  /** A success counts from whichever worker is first; a failure counts only from the holder of the lease. */
  readonly success: boolean;
  /** Output to be stored as the input of the next task of a pipeline. */
  readonly output?: { readonly next: string; readonly input: Payload } | undefined;
}

/** A delivery whose task is to be tried again later. */
export interface Deferral {
  readonly delivery: Delivery;
  /** Number of tries spent, this one included unless it is free. Until one is spent, the task may expire. */
  readonly tries: number;
  /** When to try again: milliseconds from now, or a time. */
  readonly until: number | Date;
}

/** A delivery of a task that its worker has not registered, or not in its version. */
export interface Misdelivery {
  readonly delivery: Delivery;
  readonly fnName: string;
  readonly version: number;
}

/** Outcome of releasing or failing dependents of finished tasks. */
export interface FanOutReport {
  /** How many were queued, as the last of their dependencies has succeeded. */
  readonly released: number;
  /** How many failed with a dependency. */
  readonly failed: number;
  /** Whether dependents are left for another call. */
  readonly unfinished: boolean;
}

/** The part of a worker that stores outcomes. */
export interface Completing {
  /**
   * Stores results.
   *
   * @returns For each `true`, `false` when the task had already finished or another worker holds the lease, or an error
   * when the store will never accept the result.
   */
  finish(completions: readonly Completion[]): Promise<(boolean | Error)[]>;
  /** Delays tasks until their next try; returns the same as {@linkcode Completing.finish}. */
  retry(deferrals: readonly Deferral[]): Promise<(boolean | Error)[]>;
  /** Releases deliveries: any worker may take them at once, and no try is spent. */
  release(deliveries: readonly Delivery[]): Promise<void>;
  /**
   * Hands deliveries over to workers that have registered their task in its version or a later one, at the cost of no try;
   * `false` where no other living worker has.
   */
  handOver(misdeliveries: readonly Misdelivery[]): Promise<boolean[]>;
  /** Releases or fails a bounded number of dependents of tasks that have finished. */
  fanOut(): Promise<FanOutReport>;
}
