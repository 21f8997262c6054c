/** A span of time: a number of milliseconds, or a number with its unit, like `"500ms"`, `"5s"`, `"10m"`, `"2h"`, `"7d"`. */
export type Duration = number | `${number}${"ms" | "s" | "m" | "h" | "d"}`;

const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const pattern = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;

/**
 * A duration in whole milliseconds.
 *
 * @param duration What to read.
 * @param name What the duration is for; it stands in the error.
 * @returns Milliseconds, rounded.
 * @throws {RangeError} When it is negative, not finite, or past 2^53 milliseconds.
 * @throws {TypeError} When it is no duration at all.
 *
 * @example
 * ```ts
 * milliseconds("1.5h", "timeout"); // 5_400_000
 * ```
 */
export function milliseconds(duration: Duration, name: string): number {
  const ms = typeof duration === "number" ? duration : parse(duration, name);
  if (!(ms >= 0 && ms <= Number.MAX_SAFE_INTEGER)) {
    throw new RangeError(`Invalid ${name}, expected a duration from 0 on: ${duration}`);
  }
  return Math.round(ms);
}

/** Like {@linkcode milliseconds}, where `null` means "none" or "never" and stays `null`. */
export function millisecondsOrNull(duration: Duration | null, name: string): number | null {
  return duration === null ? null : milliseconds(duration, name);
}

function parse(text: unknown, name: string): number {
  const match = typeof text === "string" ? pattern.exec(text) : null;
  if (!match) {
    const shown = typeof text === "string" ? JSON.stringify(text.slice(0, 40)) : String(text);
    throw new TypeError(`Invalid ${name}, expected milliseconds or a string like "5s" or "10m": ${shown}`);
  }
  return Number(match[1]) * units[match[2] as keyof typeof units];
}
