/** A timer that was set with {@linkcode Clock.timer}. */
export interface Timer {
  /** Cancels the timer. Has no effect after it has fired. */
  cancel(): void;
}

/** A source of time. Code that reads the time or waits takes one as an argument, so that a test can control time. */
export interface Clock {
  /** Returns the current time in Unix milliseconds. */
  now(): number;
  /** Returns milliseconds since an arbitrary moment, to measure spans with: it never jumps, as the time of day may. */
  monotonic(): number;
  /**
   * Calls `callback` once, after `ms` milliseconds.
   *
   * @param options.ref `false` lets the process exit before that.
   */
  timer(ms: number, callback: () => void, options?: { ref?: boolean }): Timer;
  /**
   * Registers work that the clock waits for before it advances. A `memory://` queue calls it; only a `TestClock`
   * implements it.
   *
   * @internal
   */
  watch?(activity: Activity): void;
}

/**
 * Work that a `TestClock` waits for before it advances. A `memory://` queue reports its own with
 * {@linkcode Clock.watch}.
 *
 * @internal
 */
export interface Activity {
  /** A number that changes with each event. */
  readonly version?: number;
  /** Number of functions that are running and may finish at any moment. */
  readonly running?: number;
}

/** Every runtime fires a timer that is set for longer than this immediately, so longer waits are split. */
const longestTimer = 2 ** 31 - 1;

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  timer(ms, callback, { ref = true } = {}) {
    let handle: ReturnType<typeof setTimeout>;
    const set = (remaining: number): void => {
      const part = Math.min(Math.max(remaining, 0), longestTimer);
      handle = setTimeout(() => remaining > longestTimer ? set(remaining - part) : callback(), part);
      if (!ref) unref(handle);
    };
    set(ms);
    return { cancel: () => clearTimeout(handle) };
  },
};

/** The web's types declare a timer as a number; all three runtimes return an object with `unref`. */
function unref(handle: unknown): void {
  (handle as { unref?: () => void }).unref?.();
}
