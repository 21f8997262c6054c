import type { Clock } from "./clock.ts";

/** A promise with its two ends in hand. */
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
 * Waits for `promise`, but no longer than `signal` allows.
 *
 * @throws The signal's reason, as soon as it is aborted. The promise itself goes on.
 */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  // The promise may reject later, when nobody listens any more.
  if (signal.aborted) promise.catch(() => {});
  return new Promise<T>((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

/**
 * Waits `ms` milliseconds.
 *
 * @param options.ref `false` lets the process exit meanwhile.
 * @throws The signal's reason, when it is aborted first.
 */
export function delay(
  ms: number,
  { clock, signal, ref }: { clock: Clock; signal?: AbortSignal | undefined; ref?: boolean | undefined },
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const abort = () => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = clock.timer(ms, () => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, { ref: ref ?? true });
    signal?.addEventListener("abort", abort, { once: true });
  });
}

/**
 * Waits for `promise`, but no longer than `ms` milliseconds.
 *
 * @param late Makes the error to reject with; the promise itself goes on.
 * @param ms `null` waits for ever.
 */
export async function within<T>(
  promise: Promise<T>,
  ms: number | null,
  { clock, late }: { clock: Clock; late: () => Error },
): Promise<T> {
  if (ms === null) return await promise;
  const expired = deferred<never>();
  const timer = clock.timer(ms, () => expired.reject(late()));
  try {
    return await Promise.race([promise, expired.promise]);
  } finally {
    timer.cancel();
  }
}

/** Lets several wait for the same thing to happen, again and again. */
export class Notice {
  #next: Deferred<void> | undefined;

  /** Wakes all who wait now. */
  notify(): void {
    this.#next?.resolve();
    this.#next = undefined;
  }

  /** Waits for the next {@linkcode Notice.notify}. */
  wait(): Promise<void> {
    this.#next ??= deferred<void>();
    return this.#next.promise;
  }

  /** Waits like {@linkcode Notice.wait}, but no longer than `ms` milliseconds or until `signal` is aborted. */
  async waitAtMost(ms: number, { clock, signal }: { clock: Clock; signal: AbortSignal }): Promise<void> {
    const noticed = this.wait();
    const over = new AbortController();
    const stop = () => over.abort();
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    await Promise.race([noticed, delay(ms, { clock, signal: over.signal }).catch(() => {})]);
    signal.removeEventListener("abort", stop);
    stop();
  }
}
