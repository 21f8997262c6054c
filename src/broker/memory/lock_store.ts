import type { Clock } from "../../base/clock.ts";
import type { Lock } from "../contract/locking.ts";

/** The locks of functions that run for one task at a time. */
export class LockStore {
  readonly #clock: Clock;
  /** By function: the lock, and until when it is locked, by the monotonic clock. */
  readonly #locks = new Map<string, { readonly lock: Lock; readonly until: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Number of locked functions. */
  get size(): number {
    this.removeExpired();
    return this.#locks.size;
  }

  /**
   * Takes a lock for `ms` milliseconds, or takes it over from another run of the same task.
   *
   * @returns `null` when it was taken, otherwise the id of the task that holds it.
   */
  take(lock: Lock, ms: number): string | null {
    const current = this.#find(lock);
    if (current && current.taskId !== lock.taskId) return current.taskId;
    this.#set(lock, ms);
    return null;
  }

  /** Extends a lock, or takes it again when it is free; `false` when another run holds it. */
  extend(lock: Lock, ms: number): boolean {
    const current = this.#find(lock);
    if (current && !isSame(current, lock)) return false;
    this.#set(lock, ms);
    return true;
  }

  /** Releases a lock if the run still holds it. */
  release(lock: Lock): void {
    const current = this.#locks.get(lock.fnName)?.lock;
    if (current && isSame(current, lock)) this.#locks.delete(lock.fnName);
  }

  /** Removes expired locks. */
  removeExpired(): void {
    const time = this.#clock.monotonic();
    for (const [fnName, { until }] of this.#locks) if (until <= time) this.#locks.delete(fnName);
  }

  #find({ fnName }: Lock): Lock | undefined {
    const entry = this.#locks.get(fnName);
    return entry && entry.until > this.#clock.monotonic() ? entry.lock : undefined;
  }

  #set(lock: Lock, ms: number): void {
    this.#locks.set(lock.fnName, { lock, until: this.#clock.monotonic() + ms });
  }
}

function isSame(a: Lock, b: Lock): boolean {
  return a.taskId === b.taskId && a.token === b.token;
}
