import { type Duration, milliseconds } from "./duration.ts";

/** The base class of every error that the queue itself reports. */
export class StreaqError extends Error {
  /** The name of the class, by which it is known again after a trip through Redis. */
  override name = "StreaqError";
}

/** The failure of a task that was aborted. */
export class StreaqCancelled extends StreaqError {
  /** The name of the class, by which it is known again after a trip through Redis. */
  override name = "StreaqCancelled";
}

/** Something took longer than it was given: a task its `timeout`, a caller's wait for a result, a connection. */
export class TimeoutError extends Error {
  /** The name of the class. */
  override name = "TimeoutError";
}

/** On the prototype of {@linkcode StreaqRetry}, the same in every copy of this package. */
const retryBrand = Symbol.for("streaq.retry");

/** Whether a thrown value is a {@linkcode StreaqRetry}, also one of another copy of this package. Never throws. */
export function isRetry(thrown: unknown): thrown is StreaqRetry {
  try {
    if (!(thrown instanceof Error)) return false;
    return (thrown as { [retryBrand]?: unknown })[retryBrand] === true || thrown.name === "StreaqRetry";
  } catch {
    // A revoked proxy allows not even that.
    return false;
  }
}

/** When a task is tried again. */
export interface RetryOptions {
  /** How long to wait, from now on. */
  delay?: Duration | undefined;
  /** The time to wait for; one that has passed means at once. */
  schedule?: Date | undefined;
  /** What went wrong. */
  cause?: unknown;
}

/**
 * Thrown by a task that wants to be tried again: after `delay`, at `schedule`, or by default after `tries ** 2` seconds.
 * With no try left the task fails with the `cause`, where that is an error, else with a `StreaqError`.
 *
 * @example
 * ```ts
 * import { StreaqRetry } from "@q/streaq";
 *
 * async function load(url: string): Promise<string> {
 *   const response = await fetch(url);
 *   if (response.status === 429) throw new StreaqRetry("Too many requests", { delay: "30s" });
 *   return await response.text();
 * }
 * ```
 */
export class StreaqRetry extends StreaqError {
  static {
    // Not a field, which logs and the public types would show.
    Object.defineProperty(this.prototype, retryBrand, { value: true });
  }
  /** The name of the class, by which it is known again after a trip through Redis. */
  override name = "StreaqRetry";
  /** How long to wait, in milliseconds; `undefined` when that was not said. */
  readonly delay: number | undefined;
  /** The time to wait for; `undefined` when that was not said. */
  readonly schedule: Date | undefined;

  /**
   * Makes the error; throwing it is up to the task.
   *
   * @throws {StreaqError} When both `delay` and `schedule` are given.
   * @throws {RangeError | TypeError} When `delay` is no duration, or `schedule` no valid date.
   */
  constructor(message?: string, { delay, schedule, ...options }: RetryOptions = {}) {
    super(message, options);
    if (delay !== undefined && schedule !== undefined) {
      throw new StreaqError("Invalid StreaqRetry, expected one of delay and schedule: both");
    }
    if (schedule !== undefined && !(schedule instanceof Date && Number.isFinite(schedule.getTime()))) {
      throw new TypeError(`Invalid schedule, expected a valid Date: ${schedule}`);
    }
    this.delay = delay === undefined ? undefined : milliseconds(delay, "delay");
    this.schedule = schedule;
  }
}
