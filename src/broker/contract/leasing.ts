import type { BrokenEntry, Delivery, Read, Start, Takeover } from "./delivery.ts";

/** Options of {@linkcode Leasing.read}. */
export interface ReadOptions {
  readonly takeover: Takeover;
  readonly inFlight: Iterable<Delivery>;
  readonly quarantined: number;
}

/** How a worker leases and starts tasks. */
export interface Leasing {
  /**
   * Leases available tasks, highest priority first, without waiting.
   *
   * @param options.takeover Whether to search for expired leases first.
   * @param options.inFlight Deliveries that this worker has; the search leases none of them again.
   * @param options.quarantined How many quarantined tasks to take over at most.
   */
  read(count: number, options: ReadOptions): Promise<Read>;
  /**
   * Leases new tasks, waiting up to `ms` milliseconds for the first; {@linkcode Leasing.wake} ends it early. May exceed
   * `count`.
   *
   * @param options.slots How many of them the caller will start at once; a broker may do so in the same round trip.
   */
  wait(count: number, ms: number, options: { slots: number }): Promise<Read>;
  /** Ends the wait in progress, if any, without losing what it may have leased. */
  wake(): void;
  /** Marks the deliveries as running and loads what they need. */
  start(deliveries: readonly Delivery[]): Promise<Start[]>;
  /** Removes entries that name no task from their streams, and notes them in the dead-letter list. */
  discard(entries: readonly BrokenEntry[]): Promise<void>;
}
