import type { Clock, Timer } from "../../../src/base/clock.ts";

/** A clock that stands still until the test advances it. */
export class ManualClock implements Clock {
  #time = 1_700_000_000_000;
  readonly #timers = new Set<{ readonly time: number; readonly callback: () => void; readonly isRef: boolean }>();

  now(): number {
    return this.#time;
  }

  monotonic(): number {
    return this.#time;
  }

  timer(ms: number, callback: () => void, { ref = true }: { ref?: boolean } = {}): Timer {
    const timer = { time: this.#time + ms, callback, isRef: ref };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  /** Whether a timer is set that would keep the process alive. */
  get keepsProcess(): boolean {
    return [...this.#timers].some(({ isRef }) => isRef);
  }

  /** Advances the time, and calls the timers that become due, in order. */
  advance(ms: number): void {
    const end = this.#time + ms;
    for (let next = this.#next(end); next; next = this.#next(end)) {
      this.#timers.delete(next);
      this.#time = Math.max(this.#time, next.time);
      next.callback();
    }
    this.#time = end;
  }

  #next(end: number) {
    return [...this.#timers].filter(({ time }) => time <= end).sort((a, b) => a.time - b.time)[0];
  }
}
