import type { Clock, Timer } from "../../src/base/clock.ts";

/**
 * A clock that stands still until a test moves it. Unlike a `TestClock`, it waits for nothing: a test waits for the
 * effects of a timer itself.
 */
export class ManualClock implements Clock {
  #now = 1_000_000;
  readonly #timers = new Set<{ at: number; callback: () => void }>();

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  timer(ms: number, callback: () => void): Timer {
    const timer = { at: this.#now + ms, callback };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  /** Number of timers that have not fired. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Advances by `ms` milliseconds and fires the timers that become due, in order. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      const [next] = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (!next) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.callback();
      await new Promise(setImmediate);
      await new Promise(setImmediate);
    }
    this.#now = end;
  }

  /** Advances by `ms` milliseconds at once, as for a process that was suspended: timers fire only after that. */
  async jump(ms: number): Promise<void> {
    this.#now += ms;
    await this.advance(0);
  }
}
