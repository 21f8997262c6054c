import type { BrokenEntry, Delivery, Read, Start, Takeover } from "./delivery.ts";

/** Options of {@linkcode Leasing.read}. */
export interface ReadOptions {
  readonly takeover: Takeover;
  readonly inFlight: Iterable<Delivery>;
  readonly quarantined: number;
}

/** The part of a worker that leases and starts tasks. */
export interface Leasing {
  /**
   * Leases available tasks, highest priority first, without waiting.
   *
   * @param options.takeover Whether to search for expired leases first.
   * @param options.inFlight Deliveries in flight at this worker; the search passes over them.
   * @param options.quarantined Maximum number of quarantined tasks to take over.
   */
  read(count: number, options: ReadOptions): Promise<Read>;
  /**
   * Leases new tasks, waiting up to `ms` milliseconds for the first one; {@linkcode Leasing.wake} interrupts it. May
   * lease more than `count`.
   *
   * @param options.slots How many of the tasks the caller will start at once; a broker may start them in the same round
   * trip.
   */
  wait(count: number, ms: number, options: { slots: number }): Promise<Read>;
  /** Interrupts the wait in progress, if any, without losing tasks that it has leased. */
  wake(): void;
  /** Marks deliveries as running and loads their records and inputs. */
  start(deliveries: readonly Delivery[]): Promise<Start[]>;
  /** Moves entries that name no task from their streams to the list of dead letters. */
  discard(entries: readonly BrokenEntry[]): Promise<void>;
}
