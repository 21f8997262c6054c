/** A timer that was set and can be taken back. */
export interface Timer {
  /** Takes the timer back; harmless when it has fired. */
  cancel(): void;
}

/**
 * Where time comes from. Whatever looks at the time or waits is given one, so that a test can own the time.
 */
export interface Clock {
  /** The time now, in Unix milliseconds. */
  now(): number;
  /** Milliseconds since some moment, for spans: unlike the time, it is never set back or forth. */
  monotonic(): number;
  /**
   * Calls `callback` once, `ms` milliseconds from now.
   *
   * @param options.ref `false` lets the process exit while the timer is set.
   */
  timer(ms: number, callback: () => void, options?: { ref?: boolean }): Timer;
  /**
   * Says what goes on at this time. Only a clock that does not go by itself wants to know, to stand still meanwhile.
   */
  watch?(activity: Activity): void;
}

/** What happens at the time of a clock. */
export interface Activity {
  /** A number that is another one whenever something has happened. */
  readonly version?: number;
  /** How many functions run, which may end at any moment. */
  readonly running?: number;
}

/** A timer that is set further ahead than this fires at once on every runtime, so longer waits are split. */
const longest = 2 ** 31 - 1;

/** The time of the machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  timer(ms, callback, { ref = true } = {}) {
    let handle: ReturnType<typeof setTimeout>;
    const set = (remaining: number): void => {
      const part = Math.min(Math.max(remaining, 0), longest);
      handle = setTimeout(() => remaining > longest ? set(remaining - part) : callback(), part);
      if (!ref) unref(handle);
    };
    set(ms);
    return { cancel: () => clearTimeout(handle) };
  },
};

/** With only the web's types in sight a timer is a number; all three runtimes hand out an object with `unref`. */
function unref(handle: unknown): void {
  (handle as { unref?: () => void }).unref?.();
}
