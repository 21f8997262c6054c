import { setTimeout as delay } from "node:timers/promises";

/** Options of {@linkcode eventually}. */
export interface EventuallyOptions {
  /** How long to try, in milliseconds. @default {20000}, so that a busy machine fails no test */
  timeout?: number;
  /** The condition, as the error names it: "the worker is idle". */
  message?: string;
}

/**
 * Calls `fn` until it neither throws nor returns `false`, and resolves to its value.
 *
 * @throws When the timeout has passed, even during a call. The cause is the last error of `fn`.
 */
export async function eventually<T>(
  fn: () => T | Promise<T>,
  { timeout = 20_000, message = fn.toString() }: EventuallyOptions = {},
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
  throw new Error(`Condition not met within ${timeout} ms: ${message}`, { cause });
}

async function within<T>(deadline: number, fn: () => T | Promise<T>): Promise<T> {
  const settled = new AbortController();
  try {
    return await Promise.race([
      fn(),
      delay(deadline - Date.now(), undefined, { signal: settled.signal }).then(() =>
        Promise.reject(new Error("The last call has not settled"))
      ),
    ]);
  } finally {
    settled.abort();
  }
}
