import { milliseconds } from "../../base/duration.ts";
import { StreaqError } from "../../base/errors.ts";
import { checkId } from "../../base/id.ts";
import type { StartOptions } from "./start_options.ts";

/** The condition under which a task becomes ready; empty for a task that is ready at once. */
export interface Condition {
  /** Its due time: milliseconds from now, or a date. */
  readonly due?: number | Date | undefined;
  /** The cron expression by which it repeats. */
  readonly expression?: string | undefined;
  /** The tasks that must succeed first. */
  readonly after?: readonly string[] | undefined;
}

/** How many dependencies a task has at most. */
const maxDependencies = 100_000;

/**
 * Reads the condition from the options of a task; `undefined` when they set none.
 *
 * @throws {StreaqError | RangeError | TypeError} When an option is invalid.
 */
export function conditionFrom({ delay, schedule, after }: StartOptions): Condition | undefined {
  if (delay !== undefined) return { due: milliseconds(delay, "delay") };
  if (after !== undefined) return { after: typeof after === "string" ? [after] : after };
  if (schedule === undefined) return undefined;
  if (typeof schedule === "string") return { expression: schedule };
  if (schedule instanceof Date && Number.isFinite(schedule.getTime())) {
    // A copy, since a Date can be changed before the request is sent.
    return { due: new Date(schedule) };
  }
  throw new StreaqError(
    `Cannot use option "schedule": expected a valid Date or a cron expression, got ${schedule}`,
  );
}

/**
 * Checks the ids of dependencies.
 *
 * @param id The id of the task itself, if it is known.
 * @returns Each id once; `undefined` when there are none.
 * @throws {StreaqError} When an id is invalid or that of the task itself, or there are too many.
 */
export function checkAfter(after: unknown, id: string | undefined): readonly string[] | undefined {
  if (after === undefined) return undefined;
  const ids = Array.isArray(after) ? [...new Set(after)] : [after];
  if (ids.length > maxDependencies) {
    throw new StreaqError(`Cannot use option "after": expected at most ${maxDependencies} ids, got ${ids.length}`);
  }
  for (const dependency of ids) {
    if (checkId(dependency, "after") !== id) continue;
    throw new StreaqError(`Cannot use option "after": expected ids of other tasks, got that of the task itself, ${id}`);
  }
  return ids.length > 0 ? ids : undefined;
}
