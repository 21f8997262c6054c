import { onAbort } from "./abort.ts";
import type { Clock } from "./clock.ts";

/** A promise with the functions that settle it. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(reason: unknown): void;
}

/** Creates a {@linkcode Deferred}. Node 20 has no `Promise.withResolvers`. */
export function deferred<T>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<T>((res, rej) => {
    resolve = res;
    reject = rej;
  });
  return { promise, resolve, reject };
}

/**
 * Waits for `promise` until `signal` is aborted. The work behind the promise continues.
 *
 * @throws The signal's reason, as soon as it is aborted.
 */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  return waitUnless(promise, (giveUp) => onAbort(signal, () => giveUp(signal.reason)));
}

/**
 * Waits at most `ms` milliseconds for `promise`. The work behind the promise continues.
 *
 * @param options.late Returns the error to reject with after that time.
 */
export function within<T>(
  promise: Promise<T>,
  ms: number,
  { clock, late }: { clock: Clock; late: () => Error },
): Promise<T> {
  return waitUnless(promise, (giveUp) => {
    const timer = clock.timer(ms, () => giveUp(late()));
    return () => timer.cancel();
  });
}

/**
 * Waits `ms` milliseconds.
 *
 * @param options.ref `false` lets the process exit meanwhile.
 * @throws The signal's reason, if it is aborted first.
 */
export function delay(
  ms: number,
  { clock, signal, ref = true }: { clock: Clock; signal?: AbortSignal | undefined; ref?: boolean | undefined },
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const timer = clock.timer(ms, () => {
      removeCallback?.();
      resolve();
    }, { ref });
    const removeCallback = signal && onAbort(signal, () => {
      timer.cancel();
      reject(signal.reason);
    });
  });
}

/** An event that occurs repeatedly, and callers that wait for it. */
export class Notice {
  readonly #waiters = new Set<(isNotified: boolean) => void>();

  /** Number of callers that are waiting. */
  get waiters(): number {
    return this.#waiters.size;
  }

  /** Wakes every caller that is waiting now. */
  notify(): void {
    // Each task notifies several times, mostly while no caller waits.
    if (this.#waiters.size === 0) return;
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const wake of waiters) wake(true);
  }

  /** Waits for the next {@linkcode Notice.notify}. */
  wait(): Promise<void> {
    return new Promise((resolve) => void this.#waiters.add(() => resolve()));
  }

  /**
   * Waits like {@linkcode Notice.wait}, but at most `ms` milliseconds and only until `signal` is aborted.
   *
   * @returns Whether it was notified.
   */
  waitAtMost(ms: number, { clock, signal }: { clock: Clock; signal: AbortSignal }): Promise<boolean> {
    if (signal.aborted) return Promise.resolve(false);
    return new Promise((resolve) => {
      const wake = (isNotified: boolean): void => {
        this.#waiters.delete(wake);
        timer.cancel();
        removeCallback();
        resolve(isNotified);
      };
      this.#waiters.add(wake);
      const timer = clock.timer(ms, () => wake(false));
      const removeCallback = onAbort(signal, () => wake(false));
    });
  }
}

/** A caller that waits for a promise and may give up. */
interface Waiter {
  resolve(value: unknown): void;
  reject(reason: unknown): void;
}

/**
 * The callers that wait for each promise, all called by one reaction: a reaction cannot be removed from a promise, so
 * one for each caller would pile up on a promise that settles late or never.
 */
const waiting = new WeakMap<Promise<unknown>, Set<Waiter>>();

/**
 * Waits for `promise`, unless the caller gives up first.
 *
 * @param watch Starts to watch for the reason to give up; returns what stops that.
 */
function waitUnless<T>(promise: Promise<T>, watch: (giveUp: (reason: unknown) => void) => () => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const waiters = waitersOf(promise);
    const waiter: Waiter = {
      resolve(value) {
        stopWatching();
        resolve(value as T);
      },
      reject(reason) {
        stopWatching();
        reject(reason);
      },
    };
    waiters.add(waiter);
    const stopWatching = watch((reason) => {
      waiters.delete(waiter);
      reject(reason);
    });
  });
}

function waitersOf(promise: Promise<unknown>): Set<Waiter> {
  const known = waiting.get(promise);
  if (known) return known;
  const waiters = new Set<Waiter>();
  waiting.set(promise, waiters);
  promise.then((value) => {
    waiting.delete(promise);
    for (const waiter of waiters) waiter.resolve(value);
  }, (reason) => {
    waiting.delete(promise);
    for (const waiter of waiters) waiter.reject(reason);
  });
  return waiters;
}
