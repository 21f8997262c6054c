import { millisecondsOrNull } from "../../base/duration.ts";
import { checkOptionNames, type OptionNames } from "../../base/known_options.ts";
import type { CronJob } from "./definition.ts";
import { taskOptionNames } from "./resolve_task_options.ts";
import type { CronOptions, TaskOptions } from "./task_options.ts";

const names: OptionNames<CronOptions> = { ...taskOptionNames, maxScheduleDrift: true, timeZone: true };

/**
 * Separates the schedule of a cron job from the options of its task, with the defaults of cron jobs.
 *
 * @throws {RangeError | TypeError} When an option is invalid, or there is no such option.
 */
export function resolveCronOptions(
  expression: string,
  options: CronOptions,
  worker: { readonly timeZone: string },
): { readonly job: CronJob; readonly taskOptions: TaskOptions } {
  checkOptionNames(options, names);
  const { maxScheduleDrift = null, timeZone = worker.timeZone, timeout = "1h", unique = true, ...rest } = options;
  const job = { expression, timeZone, maxScheduleDrift: millisecondsOrNull(maxScheduleDrift, "maxScheduleDrift") };
  return { job, taskOptions: { ...rest, timeout, unique } };
}
