import type { Clock } from "../../base/clock.ts";
import type { WorkerStatus } from "../contract/membership.ts";

/** A worker and its last heartbeat. */
interface LiveWorker {
  readonly idleTimeout: number;
  /** Until when it counts as living, by the monotonic clock. */
  readonly until: number;
  /** The names of the tasks that it can run. */
  readonly names: readonly string[];
}

/** The living workers of a queue: those that sent a heartbeat within their idle timeout. */
export class LiveWorkers {
  readonly #clock: Clock;
  /** By id. */
  readonly #workers = new Map<string, LiveWorker>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Records a heartbeat. */
  heartbeat({ workerId, names }: WorkerStatus, idleTimeout: number): void {
    this.#workers.set(workerId, { idleTimeout, until: this.#clock.monotonic() + idleTimeout, names });
  }

  /** Whether a living worker has registered a task of a name. */
  hasRegistered(fnName: string): boolean {
    this.removeExpired();
    for (const { names } of this.#workers.values()) if (names.includes(fnName)) return true;
    return false;
  }

  /** Removes a worker that has left. */
  remove(workerId: string): void {
    this.#workers.delete(workerId);
  }

  /** Returns the largest idle timeout of the living workers, and at least `own`. */
  longestTimeout(own: number): number {
    this.removeExpired();
    let longest = own;
    for (const { idleTimeout } of this.#workers.values()) longest = Math.max(longest, idleTimeout);
    return longest;
  }

  /** Removes workers that are no longer living. */
  removeExpired(): void {
    const time = this.#clock.monotonic();
    for (const [id, { until }] of this.#workers) if (until <= time) this.#workers.delete(id);
  }
}
