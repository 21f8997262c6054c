/** Two days, in milliseconds: no zone differs from UTC by as much, nor changes its offset twice in that time. */
const twoDays = 172_800_000;

/**
 * The wall clock of a time zone. A time on it is written as the Unix milliseconds that a clock in UTC would show the same
 * date and time at.
 */
export class WallClock {
  readonly #format: Intl.DateTimeFormat;

  /** @param timeZone An IANA name. */
  constructor(timeZone: string) {
    const numeric = { year: "numeric", month: "2-digit", day: "2-digit" } as const;
    const time = { hour: "2-digit", minute: "2-digit", second: "2-digit" } as const;
    this.#format = new Intl.DateTimeFormat("en-US", { timeZone, hourCycle: "h23", era: "short", ...numeric, ...time });
  }

  /** Returns the time that the wall clock shows at an instant, in Unix milliseconds. */
  at(instant: number): number {
    const parts: Partial<Record<Intl.DateTimeFormatPartTypes, number>> = {};
    for (const { type, value } of this.#format.formatToParts(instant)) parts[type] = Number(value);
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
    const whole = Date.UTC(year, month - 1, day, hour, minute, second);
    return whole + (instant - Math.floor(instant / 1000) * 1000);
  }

  /** The first instant at which the wall clock shows a time; the end of the gap for a time that the clocks skip. */
  instantOf(wall: number): number {
    const [before, after] = [this.#offset(wall - twoDays), this.#offset(wall + twoDays)];
    const candidates = [wall - before, wall - after].filter((instant) => this.at(instant) === wall);
    return candidates.length > 0 ? Math.min(...candidates) : this.#changeNear(wall, before);
  }

  /** How far the wall clock is ahead of UTC at an instant. */
  #offset(instant: number): number {
    return this.at(instant) - instant;
  }

  /** The instant near a wall time at which the offset stops being `before`. */
  #changeNear(wall: number, before: number): number {
    let [low, high] = [wall - twoDays, wall + twoDays];
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (this.#offset(middle) === before) low = middle;
      else high = middle;
    }
    return high;
  }
}
