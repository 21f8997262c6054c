import type { Completion } from "./completing.ts";
import type { BrokenEntry, Delivery, Start } from "./delivery.ts";

/** Outcome of a turn. */
export interface Turn {
  /** The answer for each completion, see {@linkcode Completing.finish}. */
  readonly ends: readonly (boolean | Error)[];
  /** The leased tasks: first those that were started. */
  readonly deliveries: readonly Delivery[];
  /** The starts, in the order of the deliveries. */
  readonly starts: readonly Start[];
  readonly broken: readonly BrokenEntry[];
}

/** The part of a worker that keeps it busy while there is more to do than it can start. */
export interface Turning {
  /**
   * Stores results, then leases up to `count` new tasks, highest priority first, and starts them: all in one round trip,
   * without waiting.
   *
   * After an error the results may be stored, and tasks may be leased and started that no reply names. The caller stores
   * the results again, with {@linkcode Completing.finish}, and searches for expired leases, which finds these tasks.
   */
  turn(completions: readonly Completion[], count: number): Promise<Turn>;
}
