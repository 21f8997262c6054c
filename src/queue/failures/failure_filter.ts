import { checkOptionNames, type OptionNames } from "../../base/known_options.ts";
import type { Failure } from "./failure.ts";

/**
 * Which kept failures are meant: those that match all given conditions, so `{}` means all.
 *
 * @example
 * ```ts
 * import { type FailureFilter, Worker } from "@q/streaq";
 *
 * const lastHour: FailureFilter = { error: "TimeoutError", after: new Date(Date.now() - 3_600_000) };
 *
 * await using worker = new Worker();
 * console.log(`${await worker.retryFailed(lastHour)} tasks are queued again`);
 * ```
 */
export interface FailureFilter {
  /** The name of the task. */
  fnName?: string | undefined;
  /** The `name` of the error, such as `"TypeError"`. */
  error?: string | undefined;
  /** Failed before this time. */
  before?: Date | undefined;
  /** Failed at this time or later. */
  after?: Date | undefined;
}

/** The names of the conditions. */
export const filterNames: OptionNames<FailureFilter> = { fnName: true, error: true, before: true, after: true };

/** @throws {TypeError} When a condition is unknown, or has no value of its kind. */
export function checkFilter(filter: FailureFilter): FailureFilter {
  checkOptionNames(filter, filterNames);
  for (const name of ["fnName", "error"] as const) {
    const value: unknown = filter[name];
    if (value === undefined || (typeof value === "string" && value !== "")) continue;
    throw new TypeError(`Cannot use option "${name}": expected a non-empty string, got ${JSON.stringify(value)}`);
  }
  for (const name of ["before", "after"] as const) {
    const value: unknown = filter[name];
    if (value === undefined || (value instanceof Date && Number.isFinite(value.getTime()))) continue;
    throw new TypeError(`Cannot use option "${name}": expected a valid Date, got ${value}`);
  }
  return filter;
}

/** Whether a failure at a time, in Unix milliseconds, may match. */
export function matchesTime({ before, after }: FailureFilter, time: number): boolean {
  return (!before || time < before.getTime()) && (!after || time >= after.getTime());
}

/** Whether a failure matches the conditions that do not concern its time. */
export function matches({ fnName, error }: FailureFilter, failure: Failure): boolean {
  return (fnName === undefined || failure.fnName === fnName) &&
    (error === undefined || failure.exception.name === error);
}
