import type { SchedulePlace } from "../../broker/contract/schedule.ts";

/**
 * How far the schedules that were left to other workers must lie in the past to be passed over, in milliseconds. A
 * schedule that is catching up may get a due time that lies in the past by less.
 */
const margin = 5000;

/** Outcome of looking at one page of due schedules. */
export interface LookedAt {
  /** The time of the look, in Unix milliseconds by the server's clock. */
  readonly time: number;
  /** The schedules that were left to other workers, in order. */
  readonly left: readonly SchedulePlace[];
  /** The last schedule of the page. */
  readonly last: SchedulePlace | undefined;
  /** Whether schedules of the page are no longer due. */
  readonly hasChanged: boolean;
  readonly unfinished: boolean;
}

/**
 * The place behind which a worker looks for due schedules. Schedules that only other workers can enqueue stay due, so
 * the worker passes over them, and looks at them again after a while.
 */
export class DueCursor {
  readonly #interval: number;
  /** Where the next page begins. */
  #place: SchedulePlace | null = null;
  /** Where the next round begins. */
  #start: SchedulePlace | null = null;
  /** When to begin at the front, by the monotonic clock; `null` when no schedule was left. */
  #frontTime: number | null = null;

  /** @param interval After how many milliseconds to look at schedules again that were left. */
  constructor(interval: number) {
    this.#interval = interval;
  }

  /** The place behind which to look at a time of the monotonic clock; `null` for the front. */
  place(now: number): SchedulePlace | null {
    if (this.#frontTime !== null && now >= this.#frontTime) this.reset();
    return this.#place;
  }

  /** Begins at the front. */
  reset(): void {
    this.#place = this.#start = this.#frontTime = null;
  }

  /** Moves on behind a page. */
  advance({ time, left, last, hasChanged, unfinished }: LookedAt, now: number): void {
    if (left.length > 0) this.#frontTime ??= now + this.#interval;
    this.#start = left.findLast((place) => place.time < time - margin) ?? this.#start;
    if (!unfinished) this.#place = this.#start;
    else if (left.length > 0) this.#place = left.at(-1)!;
    // The schedules of the page have left the place that is looked at.
    else if (!hasChanged && last) this.#place = last;
  }

  /** In how many milliseconds to look again at schedules that were left; `null` when there are none. */
  untilFront(now: number): number | null {
    return this.#frontTime === null ? null : Math.max(0, this.#frontTime - now);
  }
}
