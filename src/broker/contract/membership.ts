import type { Cancellable } from "./cancellable.ts";
import type { Delivery } from "./delivery.ts";

/** A worker's report about itself, sent with each heartbeat. */
export interface WorkerStatus {
  readonly workerId: string;
  /** A line for humans. */
  readonly summary: string;
  /** The tasks that it can run, up to their versions, by name. */
  readonly versions: ReadonlyMap<string, number>;
}

/** Outcome of a heartbeat. */
export interface Renewal {
  /** Deliveries whose lease another worker has taken over, or that no longer exist. */
  readonly lost: Delivery[];
  /** Deliveries in flight here whose task was aborted. */
  readonly aborted: Delivery[];
  /** The largest `idleTimeout` among the living workers of this queue, in milliseconds. */
  readonly idleTimeout: number;
  /** Whether any worker holds leases, which may expire; reported only to a worker with nothing in flight. */
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
  /** Events do not arrive, until `connected` says that they do again. */
  | { readonly kind: "deaf"; readonly reason: Error }
  /** A task was aborted, possibly while it ran here. */
  | { readonly kind: "aborted"; readonly taskId: string }
  /** A delayed task has become the earliest; it is due in `ms` milliseconds. */
  | { readonly kind: "due"; readonly ms: number };

/** The part of a worker that joins the queue, sends heartbeats, listens for events and leaves. */
export interface Membership {
  /** Prepares the queue for reading, and sends the first heartbeat. */
  join(status: WorkerStatus, options?: Cancellable): Promise<Renewal>;
  /**
   * Settings of the server that endanger the queue, each as a message for the log. A server that does not report its
   * settings has none. Never rejects.
   */
  hazards(): Promise<readonly string[]>;
  /** Extends the leases of all deliveries in flight, and reports that the worker is alive. */
  renew(inFlight: readonly Delivery[], status: WorkerStatus): Promise<Renewal>;
  /**
   * Calls `listener` with events of the queue.
   *
   * @returns Stops listening.
   */
  onEvent(listener: (event: QueueEvent) => void): () => void;
  /** Removes remains of dead workers and lost data: a bounded part per call, continuing where the last call stopped. */
  tidy(): Promise<void>;
  /**
   * Leaves the queue: releases the leases that remain and removes the consumer.
   *
   * @param ran Deliveries that ran but whose outcome could not be stored; their try is spent.
   */
  leave(status: WorkerStatus, ran: readonly Delivery[]): Promise<void>;
}
