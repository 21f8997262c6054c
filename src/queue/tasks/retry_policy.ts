import { type Duration, milliseconds } from "../../base/duration.ts";
import { checkOptionNames, type OptionNames } from "../../base/known_options.ts";

/**
 * How the pauses before the tries of a task grow. The pause after try `n` is chosen at random, between half of
 * `min * factor ** (n - 1)` and all of it, where `max` limits the product: tasks that failed together do not come back
 * together.
 */
export interface Backoff {
  /**
   * The longest pause after the first try.
   *
   * @default {"1s"}
   */
  min?: Duration | undefined;
  /**
   * The longest pause after any try.
   *
   * @default {"10m"}
   */
  max?: Duration | undefined;
  /**
   * How many times as long the pause becomes with each try, a number >= 1.
   *
   * @default {2}
   */
  factor?: number | undefined;
}

/**
 * What happens to a task whose function throws an error that is no `StreaqRetry`, while tries are left:
 *
 * - `true`: it is tried again, after the pauses of a {@linkcode Backoff} with its defaults;
 * - a {@linkcode Backoff}: it is tried again, after these pauses;
 * - a duration: it is tried again, always after this pause;
 * - a function: it is tried again after the duration or at the `Date` that the function returns; `null` fails the task now.
 *   `tries` is the number of the try that has failed, from 1. `taskContext()` works in the function.
 *
 * @example
 * ```ts
 * import { backoff, type Retry, Worker } from "@q/streaq";
 *
 * const patiently = backoff({ min: "5s", max: "1h" });
 * const unlessDeclined: Retry = (error, tries) => error.name === "CardDeclined" ? null : patiently(tries);
 *
 * const worker = new Worker();
 * worker.task("charge", async (order: string): Promise<void> => {
 *   await fetch(`https://example.org/charge/${order}`, { method: "POST" });
 * }, { maxTries: 8, retry: unlessDeclined });
 * ```
 */
export type Retry = true | Duration | Backoff | ((error: Error, tries: number) => Duration | Date | null);

/** A {@linkcode Retry} as a function, whose answer is still to be checked. */
export type RetryPolicy = (error: Error, tries: number) => unknown;

/** A {@linkcode Backoff} with all defaults filled in; durations are milliseconds. */
export interface Pauses {
  readonly min: number;
  readonly max: number;
  readonly factor: number;
}

const names: OptionNames<Backoff> = { min: true, max: true, factor: true };

/**
 * Creates a function that chooses the pause after a try: what a task with this {@linkcode Backoff} as its `retry` does. It
 * is something to build on in a `retry` that is a function.
 *
 * @returns Takes the number of the try that has failed, from 1; returns milliseconds.
 * @throws {RangeError | TypeError} When an option is invalid, or there is no such option.
 *
 * @example
 * ```ts
 * import { backoff, Worker } from "@q/streaq";
 *
 * const pause = backoff({ min: "10s" });
 *
 * const worker = new Worker();
 * worker.task("load", async (url: string): Promise<string> => await (await fetch(url)).text(), {
 *   retry: (error, tries) => error instanceof SyntaxError ? null : pause(tries),
 * });
 * ```
 */
export function backoff(options: Backoff = {}): (tries: number) => number {
  const pauses = resolveBackoff(options, "");
  return (tries) => pauseAfter(tries, pauses);
}

/**
 * Chooses the pause after a try.
 *
 * @param random Returns a number from 0 to 1.
 * @returns Milliseconds.
 */
export function pauseAfter(tries: number, { min, max, factor }: Pauses, random: () => number = Math.random): number {
  // Not Infinity, which times 0 would be NaN.
  const growth = Math.min(factor ** (tries - 1), Number.MAX_VALUE);
  return Math.round(Math.min(max, min * growth) * (1 + random()) / 2);
}

/**
 * Checks an option that is a {@linkcode Retry}.
 *
 * @returns A function; `null` if errors are not retried.
 * @throws {RangeError | TypeError} When it is invalid.
 */
export function resolveRetry(retry: Retry | null, random?: () => number): RetryPolicy | null {
  if (retry === null || typeof retry === "function") return retry;
  if (typeof retry === "number" || typeof retry === "string") {
    const pause = milliseconds(retry, "retry");
    return () => pause;
  }
  if (retry !== true && (typeof retry !== "object" || Array.isArray(retry))) {
    const expected = "expected true, a duration, an object with min, max and factor, a function or null";
    throw new TypeError(`Cannot use option "retry": ${expected}, got ${Array.isArray(retry) ? "an array" : retry}`);
  }
  const pauses = resolveBackoff(retry === true ? {} : retry, "retry");
  return (_, tries) => pauseAfter(tries, pauses, random);
}

/** @param bag The option that holds the options, for the errors. */
function resolveBackoff(options: Backoff, bag: string): Pauses {
  checkOptionNames(options, names, bag);
  const prefix = bag === "" ? "" : `${bag}.`;
  const { min = "1s", max = "10m", factor = 2 } = options;
  const pauses = { min: milliseconds(min, `${prefix}min`), max: milliseconds(max, `${prefix}max`), factor };
  if (pauses.min > pauses.max) {
    throw new RangeError(
      `Cannot use option "${prefix}min": expected at most max, which is ${pauses.max} ms, got ${pauses.min} ms`,
    );
  }
  if (!(Number.isFinite(factor) && factor >= 1)) {
    throw new RangeError(`Cannot use option "${prefix}factor": expected a number >= 1, got ${factor}`);
  }
  return pauses;
}
