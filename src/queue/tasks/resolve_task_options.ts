import { millisecondsOrNull } from "../../base/duration.ts";
import { StreaqError } from "../../base/errors.ts";
import { checkOptionNames, type OptionNames } from "../../base/known_options.ts";
import type { TaskOptions } from "./task_options.ts";

/** {@linkcode TaskOptions} with all defaults filled in; durations are milliseconds. */
export interface ResolvedTaskOptions {
  readonly expire: number | null;
  readonly maxTries: number | null;
  readonly silent: boolean;
  readonly timeout: number | null;
  readonly ttl: number | null;
  readonly unique: boolean;
  readonly thread: string | undefined;
}

/** The names of the options of a task. */
export const taskOptionNames: OptionNames<TaskOptions> = {
  expire: true,
  maxTries: true,
  name: true,
  silent: true,
  timeout: true,
  ttl: true,
  unique: true,
  thread: true,
};

/** How long results are kept by default, in milliseconds; also those of tasks that are not registered here. */
export const defaultTtl = 300_000;

/**
 * Checks options and fills in the defaults.
 *
 * @throws {RangeError | TypeError} When an option is invalid, or there is no such option.
 * @throws {StreaqError} When options contradict each other.
 */
export function resolveTaskOptions(options: TaskOptions): ResolvedTaskOptions {
  checkOptionNames(options, taskOptionNames);
  const { expire = null, maxTries = 3, silent = false, timeout = null, ttl = defaultTtl, unique = false, thread } =
    options;
  if (maxTries !== null && !(Number.isSafeInteger(maxTries) && maxTries > 0)) {
    throw new RangeError(`Cannot use option "maxTries": expected an integer >= 1 or null, got ${maxTries}`);
  }
  // Without a timeout, a run that never finishes would lock out all others.
  if (unique && timeout === null) throw new StreaqError('Cannot use option "unique": expected a timeout, got null');
  if (thread !== undefined && !(typeof thread === "string" && URL.canParse(thread))) {
    throw new TypeError(`Cannot use option "thread": expected import.meta.url, got ${thread}`);
  }
  return {
    expire: millisecondsOrNull(expire, "expire"),
    maxTries,
    silent,
    timeout: millisecondsOrNull(timeout, "timeout"),
    ttl: millisecondsOrNull(ttl, "ttl"),
    unique,
    thread,
  };
}
