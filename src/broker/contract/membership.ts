import type { Cancellable } from "./cancellable.ts";
import type { Delivery } from "./delivery.ts";

/** What a worker reports about itself with each heartbeat. */
export interface WorkerStatus {
  readonly workerId: string;
  /** A line for people. */
  readonly summary: string;
}

/** Answer to a heartbeat. */
export interface Renewal {
  /** Deliveries in flight here that now belong to another worker, or to none. */
  readonly lost: Delivery[];
  /** The largest `idleTimeout` among the living workers of this queue, in milliseconds. */
  readonly idleTimeout: number;
  /** Whether workers hold leases, which may expire; reported only to a worker with nothing in flight. */
  readonly hasPending: boolean;
}

/** An event that cannot wait until the next read. */
export type QueueEvent =
  /** Tasks were released, or earlier events may have been missed. */
  | { readonly kind: "released" | "connected" }
  /** Tasks have finished whose dependents are still to be released or failed. */
  | { readonly kind: "fan-out" }
  /** A worker has joined, possibly with another idle timeout. */
  | { readonly kind: "joined" }
  /** A task was aborted. */
  | { readonly kind: "aborted"; readonly taskId: string }
  /** A delayed task has become the earliest; it is due in `ms` milliseconds. */
  | { readonly kind: "due"; readonly ms: number };

/** How a worker takes part in the queue: it joins, sends heartbeats, listens for events and leaves. */
export interface Membership {
  /** Prepares the queue for reading, and sends the first heartbeat. */
  join(status: WorkerStatus, options?: Cancellable): Promise<Renewal>;
  /** Extends the leases of all deliveries in flight, and reports that the worker is alive. */
  renew(inFlight: readonly Delivery[], status: WorkerStatus): Promise<Renewal>;
  /**
   * Calls `listener` with events of the queue.
   *
   * @returns Stops listening.
   */
  onEvent(listener: (event: QueueEvent) => void): () => void;
  /** Clears a bounded part of what dead workers and lost data leave behind; each call continues where the last stopped. */
  tidy(): Promise<void>;
  /**
   * Leaves the queue: releases the leases that remain and removes the consumer.
   *
   * @param ran Deliveries that ran and whose outcome could not be stored: their try is spent.
   */
  leave(status: WorkerStatus, ran: readonly Delivery[]): Promise<void>;
}
