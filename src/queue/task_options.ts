import { type Duration, millisecondsOrNull } from "../base/duration.ts";
import { StreaqError } from "../base/errors.ts";

/** How a task behaves. */
export interface TaskOptions {
  /**
   * How often the task is started before it is given up; `null` for no limit.
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
   * How long the result is kept: `null` for ever, `0` not at all.
   *
   * @default {"5m"}
   */
  ttl?: Duration | null | undefined;
}

/** {@linkcode TaskOptions} with nothing left open; spans are milliseconds. */
export interface ResolvedTaskOptions {
  readonly maxTries: number | null;
  readonly silent: boolean;
  readonly ttl: number | null;
}

/** How long the result of a task is kept whose options are not known, in milliseconds. */
export const defaultTtl = 300_000;

/**
 * Checks options and fills in the defaults.
 *
 * @throws {RangeError | TypeError} When a value is none of those allowed.
 */
export function resolveTaskOptions(
  { maxTries = 3, silent = false, ttl = defaultTtl }: TaskOptions,
): ResolvedTaskOptions {
  if (maxTries !== null && !(Number.isSafeInteger(maxTries) && maxTries > 0)) {
    throw new RangeError(`Invalid maxTries, expected a whole number from 1 on, or null: ${maxTries}`);
  }
  return { maxTries, silent, ttl: millisecondsOrNull(ttl, "ttl") };
}

/** The name that a function is registered under. @throws {StreaqError} When it has none. */
export function taskName(fn: unknown, name: string | undefined): string {
  if (typeof fn !== "function") throw new TypeError(`Invalid task, expected a function: ${typeof fn}`);
  if (isClass(fn)) throw new TypeError(`Invalid task, expected a function instead of a class: ${fn.name}`);
  const chosen = name ?? fn.name;
  if (typeof chosen !== "string" || chosen === "") {
    throw new StreaqError('A task needs a name: name the function, or pass the option "name"');
  }
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
