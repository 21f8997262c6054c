import { type Duration, milliseconds } from "./duration.ts";
import { checkOptionNames, type OptionNames } from "./known_options.ts";

/** Base class of the errors that the queue itself raises. */
export class StreaqError extends Error {
  /** Name of the class. A failure that is read from Redis is recognised by it. */
  override name = "StreaqError";
}

/** Error of a task that was aborted. */
export class StreaqCancelled extends StreaqError {
  /** Name of the class. A failure that is read from Redis is recognised by it. */
  override name = "StreaqCancelled";
}

/**
 * Arguments or a result that a schema of `checked()` refuses. The message names up to ten reasons, never the value. A task
 * that has failed with this error keeps the message, but not the `issues`.
 *
 * @example
 * ```ts
 * import { checked, ValidationError, Worker } from "@q/streaq";
 * import { z } from "zod";
 *
 * const worker = new Worker();
 * const greet = worker.task("greet", checked([z.string().min(1)], (name) => `Hello, ${name}!`));
 *
 * try {
 *   await greet.enqueue("");
 * } catch (error) {
 *   if (!(error instanceof ValidationError)) throw error;
 *   for (const { path, message } of error.issues) console.error(path, message); // [0] Too small: ...
 * }
 * ```
 */
export class ValidationError extends StreaqError {
  /** Name of the class. A failure that is read from Redis is recognised by it. */
  override name = "ValidationError";
  /** All reasons: where in the arguments or the result, like `[0].at`, and the schema's message. */
  readonly issues: readonly { path: string; message: string }[];

  /**
   * Creates the error.
   *
   * @param issues All reasons.
   */
  constructor(message?: string, issues: readonly { path: string; message: string }[] = []) {
    super(message);
    this.issues = issues;
  }
}

/** Error of a task, a wait for a result, or a connection that took longer than its timeout. */
export class TimeoutError extends Error {
  /** Name of the class. A failure that is read from Redis is recognised by it. */
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

/** Options of {@linkcode StreaqRetry}. `delay` and `schedule` exclude each other. */
export interface RetryOptions {
  /** How long to wait before the next try. */
  delay?: Duration | undefined;
  /** When to start the next try. A time in the past means immediately. */
  schedule?: Date | undefined;
  /**
   * Whether this try is not spent: the task is tried again even if `maxTries` would allow no more, and `tries` stays. For
   * waits that are not failures, such as a service that asks to come back later. Nothing limits how often that happens.
   *
   * @default {false}
   */
  free?: boolean | undefined;
  /** The error that made the task ask for another try. */
  cause?: unknown;
}

const retryOptionNames: OptionNames<RetryOptions> = { delay: true, schedule: true, free: true, cause: true };

/**
 * Asks for another try when a task throws it: after `delay`, at `schedule`, or after `tries ** 2` seconds if neither is
 * given. A task that has no tries left fails: with the `cause` if that is an error, else with a `StreaqError`. With `free`
 * the try is not spent.
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
  /** Name of the class. A failure that is read from Redis is recognised by it. */
  override name = "StreaqRetry";
  /** How long to wait before the next try, in milliseconds; `undefined` if not given. */
  readonly delay: number | undefined;
  /** When to start the next try; `undefined` if not given. */
  readonly schedule: Date | undefined;
  /** Whether this try is not spent. */
  readonly free: boolean;

  /**
   * Creates the error; the task has to throw it.
   *
   * @param message Why the task asks for another try.
   * @param options When to start the next try, and the `cause`.
   * @throws {StreaqError} If both `delay` and `schedule` are given.
   * @throws {RangeError} If `delay` is negative or not finite.
   * @throws {TypeError} If `delay` is not a {@linkcode Duration}, `schedule` not a valid `Date`, `free` not a boolean, or
   * there is no such option.
   */
  constructor(message?: string, retryOptions: RetryOptions = {}) {
    checkOptionNames(retryOptions, retryOptionNames);
    const { delay, schedule, free = false, ...options } = retryOptions;
    super(message, options);
    if (delay !== undefined && schedule !== undefined) {
      throw new StreaqError("Cannot create StreaqRetry: expected delay or schedule, got both");
    }
    if (schedule !== undefined && !(schedule instanceof Date && Number.isFinite(schedule.getTime()))) {
      throw new TypeError(`Cannot use option "schedule": expected a valid Date, got ${schedule}`);
    }
    if (typeof free !== "boolean") {
      throw new TypeError(`Cannot use option "free": expected true or false, got ${free}`);
    }
    this.delay = delay === undefined ? undefined : milliseconds(delay, "delay");
    this.schedule = schedule;
    this.free = free;
  }
}
