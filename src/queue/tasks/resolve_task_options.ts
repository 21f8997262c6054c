import { milliseconds, millisecondsOrNull } from "../../base/duration.ts";
import { StreaqError } from "../../base/errors.ts";
import { checkOptionNames, type OptionNames } from "../../base/known_options.ts";
import { resolveRetry, type RetryPolicy } from "./retry_policy.ts";
import type { TaskOptions } from "./task_options.ts";

/** {@linkcode TaskOptions} with all defaults filled in; durations are milliseconds. */
export interface ResolvedTaskOptions {
  readonly expire: number | null;
  /** 0 for not at all. */
  readonly keepFailed: number;
  readonly maxTries: number | null;
  readonly retry: RetryPolicy | null;
  readonly silent: boolean;
  readonly timeout: number | null;
  readonly ttl: number | null;
  readonly unique: boolean;
  readonly thread: string | undefined;
  readonly version: number;
}

/** The names of the options of a task. */
export const taskOptionNames: OptionNames<TaskOptions> = {
  expire: true,
  keepFailed: true,
  maxTries: true,
  name: true,
  retry: true,
  silent: true,
  timeout: true,
  ttl: true,
  unique: true,
  thread: true,
  version: true,
};

/** How long results are kept by default, in milliseconds; also those of tasks that are not registered here. */
export const defaultTtl = 300_000;

/** How long failures are kept by default. */
export const defaultKeepFailed = "7d";

/** The options of a worker that are the defaults of its tasks. */
export type TaskDefaults = Pick<ResolvedTaskOptions, "keepFailed" | "retry">;

const ownDefaults: TaskDefaults = { keepFailed: milliseconds(defaultKeepFailed, "keepFailed"), retry: null };

/**
 * Checks options and fills in the defaults.
 *
 * @throws {RangeError | TypeError} When an option is invalid, or there is no such option.
 * @throws {StreaqError} When options contradict each other.
 */
export function resolveTaskOptions(options: TaskOptions, defaults: TaskDefaults = ownDefaults): ResolvedTaskOptions {
  checkOptionNames(options, taskOptionNames);
  const {
    expire = null,
    keepFailed = defaults.keepFailed,
    maxTries = 3,
    retry,
    silent = false,
    timeout = null,
    ttl = defaultTtl,
    unique = false,
    thread,
    version = 1,
  } = options;
  if (maxTries !== null && !(Number.isSafeInteger(maxTries) && maxTries > 0)) {
    throw new RangeError(`Cannot use option "maxTries": expected an integer >= 1 or null, got ${maxTries}`);
  }
  // Without a timeout, a run that never finishes would lock out all others.
  if (unique && timeout === null) throw new StreaqError('Cannot use option "unique": expected a timeout, got null');
  if (thread !== undefined && !(typeof thread === "string" && URL.canParse(thread))) {
    throw new TypeError(`Cannot use option "thread": expected import.meta.url, got ${thread}`);
  }
  if (!isVersion(version)) {
    throw new RangeError(`Cannot use option "version": expected an integer >= 1, got ${version}`);
  }
  return {
    expire: millisecondsOrNull(expire, "expire"),
    keepFailed: millisecondsOrNull(keepFailed, "keepFailed") ?? 0,
    maxTries,
    retry: retry === undefined ? defaults.retry : resolveRetry(retry),
    silent,
    timeout: millisecondsOrNull(timeout, "timeout"),
    ttl: millisecondsOrNull(ttl, "ttl"),
    unique,
    thread,
    version,
  };
}

/** Whether a value is the version of a task. */
export function isVersion(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 1;
}
