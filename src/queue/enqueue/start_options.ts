import type { Duration } from "../../base/duration.ts";
import { StreaqError } from "../../base/errors.ts";
import { checkId } from "../../base/id.ts";

/** How a task is enqueued. */
export interface StartOptions {
  /**
   * The task's id, at most 512 characters. An id that exists, or has ended, is not enqueued again.
   *
   * @default {32 random hex characters}
   */
  id?: string | undefined;
  /**
   * One of the worker's priorities.
   *
   * @default {the lowest}
   */
  priority?: string | undefined;
  /** How long to wait before the task is ready to run; not together with `schedule` or `after`. */
  delay?: Duration | undefined;
  /**
   * When the task is ready to run: a time, where one that has passed means now; or a cron expression in the worker's
   * `timeZone`, by which it repeats until it is unscheduled.
   */
  schedule?: Date | string | undefined;
  /**
   * The ids of tasks that must have succeeded before this one is ready to run, at most 100,000; not together with `delay`
   * or `schedule`. When one of them fails or is aborted, this one fails with a `StreaqError` without being run. One that
   * has succeeded counts; one that is unknown, or whose result is gone, is refused.
   */
  after?: string | readonly string[] | undefined;
  /** Gives up sending when it is aborted; the task may have been stored by then. */
  signal?: AbortSignal | undefined;
}

/** How many tasks one depends on at most. */
const mostDependencies = 100_000;

/**
 * Checks that options fit together.
 *
 * @param isPipedInto Whether the task has its input from another one, so that only its priority is its own.
 * @throws {StreaqError} When they do not.
 */
export function checkStartOptions(options: StartOptions, isPipedInto: boolean): void {
  const { delay, schedule, after } = options;
  const given = Object.entries({ delay, schedule, after }).filter(([, value]) => value !== undefined);
  if (given.length > 1) {
    const names = given.map(([name]) => name).join(" and ");
    throw new StreaqError(`Invalid options, expected one of delay, schedule and after: ${names}`);
  }
  if (!isPipedInto) return;
  const unfit = Object.entries(options).find(([name, value]) => name !== "priority" && value !== undefined);
  if (unfit) {
    throw new StreaqError(`Invalid option for a task that others are piped into, expected priority: ${unfit[0]}`);
  }
}

/**
 * Checks the ids of dependencies.
 *
 * @param id The id of the task, where that is known.
 * @returns Each once; `undefined` where there are none.
 * @throws {StreaqError} When one cannot be an id, or is the task itself, or there are too many.
 */
export function checkAfter(after: unknown, id: string | undefined): readonly string[] | undefined {
  if (after === undefined) return undefined;
  const ids = Array.isArray(after) ? [...new Set(after)] : [after];
  if (ids.length > mostDependencies) {
    throw new StreaqError(`Invalid after, expected at most ${mostDependencies} ids: ${ids.length}`);
  }
  for (const dependency of ids) {
    if (checkId(dependency, "after") === id) throw new StreaqError(`A task cannot depend on itself: ${id}`);
  }
  return ids.length > 0 ? ids : undefined;
}
