import { setTimeout as delay } from "node:timers/promises";

/** Options of {@linkcode eventually}. */
export interface EventuallyOptions {
  /** How long to go on, in milliseconds. @default {5000} */
  timeout?: number;
  /** What is waited for, for the error: "the worker is idle". */
  message?: string;
}

/**
 * Calls `fn` until it neither throws nor returns `false`, and resolves to what it returned.
 *
 * @throws When the time is over, with the last error of `fn` as its cause. A call that never settles counts too.
 */
export async function eventually<T>(
  fn: () => T | Promise<T>,
  { timeout = 5000, message = fn.toString() }: EventuallyOptions = {},
): Promise<Exclude<T, false>> {
  const deadline = Date.now() + timeout;
  let cause: unknown;
  while (Date.now() < deadline) {
    try {
      const value = await within(deadline, fn);
      if (value !== false) return value as Exclude<T, false>;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    await delay(10);
  }
  throw new Error(`Not so after ${timeout} ms: ${message}`, { cause });
}

async function within<T>(deadline: number, fn: () => T | Promise<T>): Promise<T> {
  const over = new AbortController();
  try {
    return await Promise.race([
      fn(),
      delay(deadline - Date.now(), undefined, { signal: over.signal }).then(() =>
        Promise.reject(new Error("The call is still pending"))
      ),
    ]);
  } finally {
    over.abort();
  }
}
