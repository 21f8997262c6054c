import type { Clock } from "../../base/clock.ts";
import type { Lock } from "../contract/locking.ts";

/** The locks of functions that run for one task at a time. */
export class LockStore {
  readonly #clock: Clock;
  /** Who has the lock of a function, and until when, by the monotonic clock. */
  readonly #holders = new Map<string, { readonly lock: Lock; readonly until: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many there are. */
  get size(): number {
    this.tidy();
    return this.#holders.size;
  }

  /** Takes a lock, or takes it over from another run of the task; answers who has it, `null` when it is taken. */
  take(lock: Lock, ms: number): string | null {
    const holder = this.#holder(lock);
    if (holder && holder.taskId !== lock.taskId) return holder.taskId;
    this.#set(lock, ms);
    return null;
  }

  /** Extends a lock, or takes it again when it is free; `false` when it is lost. */
  extend(lock: Lock, ms: number): boolean {
    const holder = this.#holder(lock);
    if (holder && !isSame(holder, lock)) return false;
    this.#set(lock, ms);
    return true;
  }

  /** Releases a lock, if it is still that of the run. */
  release(lock: Lock): void {
    const holder = this.#holders.get(lock.fnName)?.lock;
    if (holder && isSame(holder, lock)) this.#holders.delete(lock.fnName);
  }

  /** Forgets those that ran out. */
  tidy(): void {
    const time = this.#clock.monotonic();
    for (const [fnName, { until }] of this.#holders) if (until <= time) this.#holders.delete(fnName);
  }

  #holder({ fnName }: Lock): Lock | undefined {
    const holder = this.#holders.get(fnName);
    return holder && holder.until > this.#clock.monotonic() ? holder.lock : undefined;
  }

  #set(lock: Lock, ms: number): void {
    this.#holders.set(lock.fnName, { lock, until: this.#clock.monotonic() + ms });
  }
}

function isSame(a: Lock, b: Lock): boolean {
  return a.taskId === b.taskId && a.token === b.token;
}
