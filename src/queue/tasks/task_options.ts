import { type Duration, millisecondsOrNull } from "../../base/duration.ts";
import { StreaqError } from "../../base/errors.ts";

/** How a task behaves. */
export interface TaskOptions {
  /**
   * How long after it became ready the task is started for the first time at the latest; `null` for no limit. One that
   * comes too late fails without being run.
   *
   * @default {null}
   */
  expire?: Duration | null | undefined;
  /**
   * How often the task is started before it is given up; `null` for no limit, but for five runs in a row that ended with
   * their worker.
   *
   * @default {3}
   */
  maxTries?: number | null | undefined;
  /**
   * The name that the task is enqueued under.
   *
   * @default {fn.name}
   */
  name?: string | undefined;
  /**
   * Whether the worker keeps quiet about the task in its log.
   *
   * @default {false}
   */
  silent?: boolean | undefined;
  /**
   * How long a run may take; `null` for no limit. After that the task fails with `TimeoutError`, and its signal is aborted.
   *
   * @default {null}
   */
  timeout?: Duration | null | undefined;
  /**
   * How long the result is kept: `null` for ever, `0` not at all.
   *
   * @default {"5m"}
   */
  ttl?: Duration | null | undefined;
  /**
   * Whether only one task of this name runs at a time, in all workers of the queue: a second one that starts meanwhile
   * fails. Needs a `timeout`.
   *
   * @default {false}
   */
  unique?: boolean | undefined;
  /**
   * `import.meta.url` of the module that registers the task: the function then runs in a thread, which imports the module
   * again. For functions that compute, or block.
   */
  thread?: string | undefined;
}

/** How a cron job behaves: as a task, with a `timeout` of an hour and `unique` unless told otherwise. */
export interface CronOptions extends TaskOptions {
  /**
   * An occurrence that would start later than this after its time fails without being run; `null` for no limit.
   *
   * @default {null}
   */
  maxScheduleDrift?: Duration | null | undefined;
  /**
   * The IANA time zone that the expression is read in.
   *
   * @default {the worker's}
   */
  timeZone?: string | undefined;
}

/** {@linkcode TaskOptions} with nothing left open; spans are milliseconds. */
export interface ResolvedTaskOptions {
  readonly expire: number | null;
  readonly maxTries: number | null;
  readonly silent: boolean;
  readonly timeout: number | null;
  readonly ttl: number | null;
  readonly unique: boolean;
  readonly thread: string | undefined;
}

/** How long the result of a task is kept whose options are not known, in milliseconds. */
export const defaultTtl = 300_000;

/**
 * Checks options and fills in the defaults.
 *
 * @throws {RangeError | TypeError} When a value is none of those allowed.
 * @throws {StreaqError} When they contradict each other.
 */
export function resolveTaskOptions(options: TaskOptions): ResolvedTaskOptions {
  const { expire = null, maxTries = 3, silent = false, timeout = null, ttl = defaultTtl, unique = false, thread } =
    options;
  if (maxTries !== null && !(Number.isSafeInteger(maxTries) && maxTries > 0)) {
    throw new RangeError(`Invalid maxTries, expected a whole number from 1 on, or null: ${maxTries}`);
  }
  // Without one, a run that never ends would keep all others out for ever.
  if (unique && timeout === null) throw new StreaqError('Invalid options, "unique" needs a timeout: null');
  if (thread !== undefined && !(typeof thread === "string" && URL.canParse(thread))) {
    throw new TypeError(`Invalid thread, expected import.meta.url: ${thread}`);
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

/** The name that a function is registered under. @throws {StreaqError} When it has none. */
export function taskName(fn: unknown, name: string | undefined): string {
  if (typeof fn !== "function") throw new TypeError(`Invalid task, expected a function: ${typeof fn}`);
  if (isClass(fn)) throw new TypeError(`Invalid task, expected a function instead of a class: ${fn.name}`);
  const chosen = name ?? fn.name;
  if (chosen === "") throw new StreaqError('A task needs a name: name the function, or pass the option "name"');
  return checkTaskName(chosen);
}

/** @throws {StreaqError} When it cannot be the name of a task. */
export function checkTaskName(chosen: unknown): string {
  if (typeof chosen !== "string" || chosen === "") throw new StreaqError(`Invalid task name, expected text: ${chosen}`);
  if (!chosen.isWellFormed() || chosen.includes(":") || chosen.length > longestName) {
    throw new StreaqError(
      `Invalid task name, expected at most ${longestName} characters without ":": ${
        JSON.stringify(chosen.slice(0, 60))
      }`,
    );
  }
  return chosen;
}

const longestName = 200;

/** Only `new` can call a class, so as a task it would fail on every run. */
function isClass(fn: object): boolean {
  return /^class\b/.test(Function.prototype.toString.call(fn));
}
