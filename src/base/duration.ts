/** A length of time: a number of milliseconds, or a string such as `"500ms"`, `"5s"`, `"10m"`, `"2h"` or `"7d"`. */
export type Duration = number | `${number}${"ms" | "s" | "m" | "h" | "d"}`;

const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const pattern = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;

/**
 * Converts the value of an option to milliseconds.
 *
 * @param option Name of the option, for the error.
 * @returns Milliseconds, rounded to an integer.
 * @throws {RangeError} If the duration is negative, not finite, or longer than 2^53 - 1 milliseconds.
 * @throws {TypeError} If it is not a {@linkcode Duration}.
 *
 * @example
 * ```ts
 * milliseconds("1.5h", "timeout"); // 5_400_000
 * ```
 */
export function milliseconds(duration: Duration, option: string): number {
  return parseDuration(duration, `use option "${option}"`);
}

/** Converts the value of an option like {@linkcode milliseconds}; keeps `null`, which means "none" or "never". */
export function millisecondsOrNull(duration: Duration | null, option: string): number | null {
  return duration === null ? null : milliseconds(duration, option);
}

/**
 * Converts a duration to milliseconds.
 *
 * @param action What the duration is for, as it stands in the error after "Cannot": `advance the clock`.
 * @returns Milliseconds, rounded to an integer.
 * @throws {RangeError | TypeError} As {@linkcode milliseconds} does.
 */
export function parseDuration(duration: Duration, action: string): number {
  const ms = typeof duration === "number" ? duration : parseText(duration);
  if (ms === undefined) {
    throw new TypeError(`Cannot ${action}: expected milliseconds or a string such as "5s", got ${show(duration)}`);
  }
  if (ms > Number.MAX_SAFE_INTEGER) {
    const longest = Number.MAX_SAFE_INTEGER;
    throw new RangeError(`Cannot ${action}: expected a duration of at most ${longest} ms, got ${show(duration)}`);
  }
  if (!(ms >= 0)) throw new RangeError(`Cannot ${action}: expected a duration >= 0, got ${duration}`);
  return Math.round(ms);
}

function parseText(text: unknown): number | undefined {
  const match = typeof text === "string" ? pattern.exec(text) : null;
  return match ? Number(match[1]) * units[match[2] as keyof typeof units] : undefined;
}

function show(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value.slice(0, 40)) : String(value);
}
