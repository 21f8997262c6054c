import { Cron } from "croner";
import { StreaqError } from "../../base/errors.ts";
import { WallClock } from "./wall_clock.ts";

/** How many expressions are kept in parsed form. */
const kept = 1000;

/**
 * Knows when cron expressions are due. Over a clock change, expressions of fixed times are due once a day, those with a
 * wildcard or a step follow the time that passes.
 */
export class Calendar {
  readonly #parsed = new Map<string, Cron>();
  readonly #wallClocks = new Map<string, WallClock>();

  /**
   * When an expression is next due after a time, both in Unix milliseconds; `null` when it never is again.
   *
   * @param timeZone An IANA name.
   * @throws {StreaqError} When the expression or the zone cannot be.
   */
  next(expression: string, timeZone: string, after: number): number | null {
    try {
      if (isFixedTime(expression)) return this.#nextFixed(expression, timeZone, after);
      return this.#parse(expression, timeZone).nextRun(new Date(after))?.getTime() ?? null;
    } catch (cause) {
      throw refusal(expression, timeZone, cause);
    }
  }

  /**
   * Checks an expression and a zone before they are relied on: an unknown zone shows only when a time is computed.
   *
   * @throws {StreaqError} When one of them cannot be, or the expression is never due.
   */
  check(expression: string, timeZone: string, now: number): void {
    // One with a year is due no more some day, and was right before.
    if (this.next(expression, timeZone, now) !== null || fieldsOf(expression) === 7) return;
    throw new StreaqError(`Invalid cron expression, it is never due: ${JSON.stringify(expression)}`);
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

  /** @throws {RangeError} When it is no zone. */
  #wallClock(timeZone: string): WallClock {
    let wallClock = this.#wallClocks.get(timeZone);
    if (!wallClock) this.#wallClocks.set(timeZone, wallClock = new WallClock(timeZone));
    return wallClock;
  }

  #parse(expression: string, timeZone: string): Cron {
    const key = `${timeZone} ${expression}`;
    let cron = this.#parsed.get(key);
    if (!cron) {
      // croner would take a time for an expression that is due once.
      if (typeof expression === "string" && !/^@\w+$/.test(expression.trim()) && fieldsOf(expression) < 5) {
        throw new TypeError("expected five to seven fields, or a word like @daily");
      }
      cron = new Cron(expression, { timezone: timeZone, paused: true, fixedTimeRule: "no-wildcard" });
      if (this.#parsed.size === kept) this.#parsed.clear();
      this.#parsed.set(key, cron);
    }
    return cron;
  }
}

/** Whether an expression has no wildcard and no step in its seconds, minutes and hours. */
function isFixedTime(expression: string): boolean {
  const fields = String(expression).trim().split(/\s+/);
  if (fields.length === 1) return fields[0]!.startsWith("@") && fields[0]!.toLowerCase() !== "@hourly";
  return fields.length >= 5 && !/[*/?]/.test(fields.slice(0, fields.length === 5 ? 2 : 3).join(" "));
}

function fieldsOf(expression: string): number {
  return expression.trim().split(/\s+/).length;
}

function refusal(expression: unknown, timeZone: string, cause: unknown): StreaqError {
  const shown = typeof expression === "string" ? JSON.stringify(expression.slice(0, 100)) : String(expression);
  const why = cause instanceof Error ? cause.message : String(cause);
  return new StreaqError(`Invalid cron expression in ${timeZone}, ${why}: ${shown}`, { cause });
}
