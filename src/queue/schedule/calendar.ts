import { Cron } from "croner";
import { StreaqError } from "../../base/errors.ts";

/** How many expressions are kept in parsed form. */
const kept = 1000;

/**
 * Knows when cron expressions are due. Over a clock change, expressions of fixed times are due once a day, those with a
 * wildcard or a step follow the time that passes.
 */
export class Calendar {
  readonly #parsed = new Map<string, Cron>();

  /**
   * When an expression is next due after a time, both in Unix milliseconds; `null` when it never is again.
   *
   * @param timeZone An IANA name.
   * @throws {StreaqError} When the expression or the zone cannot be.
   */
  next(expression: string, timeZone: string, after: number): number | null {
    try {
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

function fieldsOf(expression: string): number {
  return expression.trim().split(/\s+/).length;
}

function refusal(expression: unknown, timeZone: string, cause: unknown): StreaqError {
  const shown = typeof expression === "string" ? JSON.stringify(expression.slice(0, 100)) : String(expression);
  const why = cause instanceof Error ? cause.message : String(cause);
  return new StreaqError(`Invalid cron expression in ${timeZone}, ${why}: ${shown}`, { cause });
}
