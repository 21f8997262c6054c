import { Cron } from "croner";
import { StreaqError } from "../../base/errors.ts";
import { isTimeZone } from "./time_zone.ts";
import { WallClock } from "./wall_clock.ts";

/** How many parsed expressions are cached at most. */
const maxCached = 1000;

/**
 * Computes when cron expressions are due. When the clocks change, an expression of fixed times is due once a day, and
 * one with a wildcard or a step follows the time that passes.
 */
export class Calendar {
  readonly #parsed = new Map<string, Cron>();
  /** Time zones that were checked. */
  readonly #zones = new Set<string>();
  readonly #wallClocks = new Map<string, WallClock>();

  /**
   * The time at which an expression is next due after another time, both in Unix milliseconds; `null` when it is never
   * due again.
   *
   * @param timeZone An IANA time zone.
   * @throws {StreaqError} When the expression or the time zone is invalid.
   */
  next(expression: string, timeZone: string, after: number): number | null {
    try {
      if (!this.#isZone(timeZone)) throw refusal(expression, timeZone, "expected an IANA time zone");
      if (typeof expression !== "string") throw refusal(expression, timeZone, "expected a string");
      if (isFixedTime(expression)) return this.#nextFixed(expression, timeZone, after);
      return this.#parse(expression, timeZone).nextRun(new Date(after))?.getTime() ?? null;
    } catch (cause) {
      if (cause instanceof StreaqError) throw cause;
      throw refusal(expression, timeZone, cause instanceof Error ? cause.message : String(cause), { cause });
    }
  }

  /**
   * Checks an expression and a time zone, by computing the next time after `now`.
   *
   * @throws {StreaqError} When one of them is invalid, or the expression is never due.
   */
  check(expression: string, timeZone: string, now: number): void {
    // An expression with a year was valid even if its last time has passed.
    if (this.next(expression, timeZone, now) !== null || countFields(expression) === 7) return;
    throw refusal(expression, timeZone, "it is never due");
  }

  /**
   * Fixed times are found on the wall clock: croner, which knows no clock change in UTC, lists the times that match, and the
   * first one whose instant is yet to come is next. croner itself would lose a time in a gap that reaches midnight.
   */
  #nextFixed(expression: string, timeZone: string, after: number): number | null {
    const wallClock = this.#wallClock(timeZone);
    const cron = this.#parse(expression, "UTC");
    let wall = cron.nextRun(new Date(wallClock.at(after)));
    for (; wall; wall = cron.nextRun(wall)) {
      const instant = wallClock.instantOf(wall.getTime());
      if (instant > after) return instant;
    }
    return null;
  }

  /** See {@linkcode isTimeZone}, which is slow. */
  #isZone(timeZone: string): boolean {
    if (this.#zones.has(timeZone)) return true;
    if (!isTimeZone(timeZone)) return false;
    this.#zones.add(timeZone);
    return true;
  }

  #wallClock(timeZone: string): WallClock {
    let wallClock = this.#wallClocks.get(timeZone);
    if (!wallClock) this.#wallClocks.set(timeZone, wallClock = new WallClock(timeZone));
    return wallClock;
  }

  #parse(expression: string, timeZone: string): Cron {
    const key = `${timeZone} ${expression}`;
    let cron = this.#parsed.get(key);
    if (!cron) {
      // croner accepts a time as an expression that is due once.
      if (!/^@\w+$/.test(expression.trim()) && countFields(expression) < 5) {
        throw refusal(expression, timeZone, "expected five to seven fields, or a word like @daily");
      }
      cron = new Cron(expression, { timezone: timeZone, paused: true, fixedTimeRule: "no-wildcard" });
      if (this.#parsed.size === maxCached) this.#parsed.clear();
      this.#parsed.set(key, cron);
    }
    return cron;
  }
}

/** Whether an expression has no wildcard and no step in its seconds, minutes and hours. */
function isFixedTime(expression: string): boolean {
  const fields = expression.trim().split(/\s+/);
  if (fields.length === 1) return fields[0]!.startsWith("@") && fields[0]!.toLowerCase() !== "@hourly";
  return fields.length >= 5 && !/[*/?]/.test(fields.slice(0, fields.length === 5 ? 2 : 3).join(" "));
}

function countFields(expression: string): number {
  return expression.trim().split(/\s+/).length;
}

function refusal(expression: unknown, timeZone: string, reason: string, options?: { cause: unknown }): StreaqError {
  const shown = typeof expression === "string" ? JSON.stringify(expression.slice(0, 100)) : String(expression);
  return new StreaqError(`Cannot use cron expression ${shown} in time zone ${timeZone}: ${reason}`, options);
}
