import type { Clock } from "../../base/clock.ts";

/** The living workers of a queue: those that sent a heartbeat within their idle timeout. */
export class LiveWorkers {
  readonly #clock: Clock;
  /** By id: the idle timeout, and until when the worker counts as living, by the monotonic clock. */
  readonly #workers = new Map<string, { readonly idleTimeout: number; readonly until: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Records a heartbeat. */
  heartbeat(workerId: string, idleTimeout: number): void {
    this.#workers.set(workerId, { idleTimeout, until: this.#clock.monotonic() + idleTimeout });
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
