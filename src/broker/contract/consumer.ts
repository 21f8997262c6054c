import type { Completing } from "./completing.ts";
import type { Leasing } from "./leasing.ts";
import type { Locking } from "./locking.ts";
import type { Membership } from "./membership.ts";
import type { Scheduling } from "./scheduling.ts";
import type { Turning } from "./turning.ts";

/** Options of a {@linkcode Consumer}. */
export interface ConsumerOptions {
  /** Unique among all runs of all workers, so that no two runs ever share a lease. */
  readonly name: string;
  /** From lowest to highest. */
  readonly priorities: readonly string[];
  /** After how many milliseconds without renewal a lease expires. */
  readonly idleTimeout: number;
  /** The largest record that a start loads, in bytes, its signature included; without it, records of any size. */
  readonly maxPayload?: number | undefined;
}

/** A worker's access to the queue, by role. */
export interface Consumer {
  readonly leasing: Leasing;
  readonly completing: Completing;
  readonly turning: Turning;
  readonly scheduling: Scheduling;
  readonly locking: Locking;
  readonly membership: Membership;
}
