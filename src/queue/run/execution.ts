import type { Timer } from "../../base/clock.ts";
import type { Delivery } from "../../broker/contract/delivery.ts";
import type { TaskRecord } from "../records/task_record.ts";
import type { Definition } from "../tasks/definition.ts";
import type { Thread } from "../threads/thread.ts";

/**
 * Where a delivery is in this worker:
 *
 * - `buffered`: leased, and waiting for a slot;
 * - `starting`: it has a slot, and the broker is marking it as running;
 * - `preparing`: it passes the guards, its arguments are checked, and it waits for its lock and its thread;
 * - `running`: its function was called;
 * - `overdue`: its time is up and its signal aborted, and it is put back for another try once its function has settled;
 * - `concluded`: its outcome is known and being stored, but the function has not settled and keeps the slot;
 * - `lingering`: the same, with the outcome stored;
 * - `settling`: the slot is free, and the outcome is being stored;
 * - `gone`: this worker has nothing to do with it any more.
 */
export type ExecutionState =
  | "buffered"
  | "starting"
  | "preparing"
  | "running"
  | "overdue"
  | "concluded"
  | "lingering"
  | "settling"
  | "gone";

/** The contexts of a run, and the asynchronous flow that its user code runs in. */
export interface ExecutionScope {
  /** Calls a function in them. */
  run<T>(fn: () => T): T;
}

/** One delivery from the moment it was leased until it is gone: its state, what is known of it, and the handle to stop it. */
export class Execution {
  /** Its lease. A broker that forgot it may have delivered the entry again; then this is the newer one. */
  delivery: Delivery;
  /** Whether it was delivered before, to this worker or another one. */
  readonly isTakenOver: boolean;
  /** Whether its last two runs were cut off together with their workers. */
  readonly isQuarantined: boolean;
  /** Changed by `InFlight.move()` alone. */
  state: ExecutionState;
  /** When it was leased, by the monotonic clock. */
  readonly leaseTime: number;
  /** Number of this run, from 1; 0 before it was started. */
  tries = 0;
  /** Number of runs that count: a start that never reached the function does not. */
  spentTries = 0;
  /** When it was started, in Unix milliseconds by the worker's clock. */
  startTime = 0;
  /** The name in a record that is not decoded, for the log. */
  recordName: string | undefined;
  record: TaskRecord | undefined;
  definition: Definition | undefined;
  /** Where its user code runs, once there is any. */
  scope: ExecutionScope | undefined;
  /** How long asynchronous schemas took to check its arguments, in milliseconds. */
  checkTime = 0;
  /** Ends the run when its function takes too long. */
  timer: Timer | undefined;
  /** When the task of an overdue run is to be tried again: in so many milliseconds after the run, or at that time. */
  until: number | Date | undefined;
  /** The thread that the function runs in, if it does not run here. */
  thread: Thread | undefined;
  #controller: AbortController | undefined;
  #reason: Error | undefined;

  constructor(delivery: Delivery, leaseTime: number, state: ExecutionState) {
    this.delivery = delivery;
    this.isTakenOver = delivery.deliveries > 1;
    this.isQuarantined = delivery.isQuarantined;
    this.leaseTime = leaseTime;
    this.state = state;
  }

  /** The name of the task, for people. */
  get fnName(): string {
    return this.record?.fnName ?? this.recordName ?? "Unknown";
  }

  /** The arguments. Named ones, which only other languages and untyped enqueuing have, are one trailing object. */
  get args(): readonly unknown[] {
    const { args, kwargs } = this.record!;
    return hasKeys(kwargs) ? [...args, kwargs] : args;
  }

  /** Whether the function was called. */
  get hasRun(): boolean {
    return this.tries > 0 && this.spentTries === this.tries;
  }

  /** Why the function was asked to stop; `undefined` while it was not. */
  get reason(): Error | undefined {
    return this.#reason;
  }

  /** Asks the function to stop. The first reason stays. */
  abort(reason: Error): void {
    if (this.#reason) return;
    this.#reason = reason;
    this.#controller?.abort(reason);
    this.thread?.abort(reason);
  }

  /** Aborted when the function is asked to stop. Created on first use: most functions never look, and it is not cheap. */
  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#reason) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }
}

function hasKeys(record: object): boolean {
  for (const key in record) if (Object.hasOwn(record, key)) return true;
  return false;
}
