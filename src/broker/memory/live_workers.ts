import type { Clock } from "../../base/clock.ts";

/** The workers of a queue that live, as far as is known: each has said so within its idle timeout. */
export class LiveWorkers {
  readonly #clock: Clock;
  /** By id: how long its leases last, and until when it counts as living, by the monotonic clock. */
  readonly #workers = new Map<string, { readonly idleTimeout: number; readonly until: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Notes that a worker lives; whether that was known. */
  note(workerId: string, idleTimeout: number): boolean {
    const time = this.#clock.monotonic();
    const before = this.#workers.get(workerId);
    this.#workers.set(workerId, { idleTimeout, until: time + idleTimeout });
    return before !== undefined && before.until > time;
  }

  /** Notes that a worker has left. */
  forget(workerId: string): void {
    this.#workers.delete(workerId);
  }

  /** The largest idle timeout of all, and of one who asks. */
  longestTimeout(own: number): number {
    this.tidy();
    let longest = own;
    for (const { idleTimeout } of this.#workers.values()) longest = Math.max(longest, idleTimeout);
    return longest;
  }

  /** Forgets the dead. */
  tidy(): void {
    const time = this.#clock.monotonic();
    for (const [id, { until }] of this.#workers) if (until <= time) this.#workers.delete(id);
  }
}
