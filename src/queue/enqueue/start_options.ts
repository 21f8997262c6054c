import type { Duration } from "../../base/duration.ts";
import { StreaqError } from "../../base/errors.ts";
import { checkOptionNames, type OptionNames } from "../../base/known_options.ts";

/**
 * Options for enqueuing a task. Set at most one of `delay`, `schedule` and `after`.
 *
 * @example
 * ```ts
 * import { Worker } from "@q/streaq";
 *
 * const worker = new Worker({ priorities: ["low", "high"] });
 * const greet = worker.task("greet", (name: string): string => `Hello, ${name}!`);
 *
 * const ada = await greet.enqueue("Ada").start({ delay: "10m", priority: "high" });
 * await greet.enqueue("Grace").start({ after: ada.id, id: "greet-grace" });
 * await greet.enqueue("Edsger").start({ schedule: "0 9 * * mon-fri", signal: AbortSignal.timeout(2000) });
 * ```
 */
export interface StartOptions {
  /**
   * The id of the task, 1 to 512 characters; 32 random hex digits by default. While a task of this id exists, and for
   * as long as its result is kept, nothing is enqueued.
   */
  id?: string | undefined;
  /** One of the worker's priorities; the lowest by default. */
  priority?: string | undefined;
  /** How long the task waits before it is ready. */
  delay?: Duration | undefined;
  /**
   * The time at which the task is ready, where a time in the past means now; or a cron expression in the worker's
   * `timeZone`, by which the task repeats until it is unscheduled.
   */
  schedule?: Date | string | undefined;
  /**
   * The ids of tasks that must succeed before this one is ready, at most 100,000. If one of them fails or is aborted,
   * this task fails with a `StreaqError` without being run. A dependency that has already succeeded counts; one that is
   * unknown, or whose result is gone, is refused.
   */
  after?: string | readonly string[] | undefined;
  /** Stops waiting for Redis when it aborts. The task may have been stored by then. */
  signal?: AbortSignal | undefined;
}

const names: OptionNames<StartOptions> = {
  id: true,
  priority: true,
  delay: true,
  schedule: true,
  after: true,
  signal: true,
};

/**
 * Checks that options exist, and do not contradict each other.
 *
 * @param hasInput Whether the task takes the result of another one as its input, so that it has only a priority of its
 * own.
 * @throws {StreaqError} When they contradict each other.
 * @throws {TypeError} When there is no such option.
 */
export function checkStartOptions(options: StartOptions, hasInput: boolean): void {
  checkOptionNames(options, names);
  const { delay, schedule, after } = options;
  const given = Object.entries({ delay, schedule, after }).filter(([, value]) => value !== undefined);
  if (given.length > 1) {
    const names = given.map(([name]) => name).join(" and ");
    throw new StreaqError(`Cannot use options together: expected one of delay, schedule and after, got ${names}`);
  }
  if (!hasInput) return;
  const unfit = Object.entries(options).find(([name, value]) => name !== "priority" && value !== undefined);
  if (unfit) throw new StreaqError(`Cannot use option "${unfit[0]}": a task with piped input takes only "priority"`);
}
