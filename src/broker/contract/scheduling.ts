import type {
  DueSchedules,
  Registration,
  Revision,
  SchedulePlace,
  ScheduleReview,
  Tick,
  TickAnswer,
} from "./schedule.ts";

/** Outcome of moving due tasks to their streams. */
export interface Promotion {
  readonly promoted: number;
  /** In how many milliseconds the next delayed task is due; `null` when there is none. */
  readonly next: number | null;
  /** In how many milliseconds the next schedule is due, 0 when one is; `null` when there is none. */
  readonly nextSchedule: number | null;
  /** In how many milliseconds to look again at the latest: an event may not arrive. */
  readonly pollIn: number;
}

/** The part of a worker that moves due tasks to their streams and enqueues the occurrences of schedules. */
export interface Scheduling {
  /** Moves due tasks to their streams. */
  promote(): Promise<Promotion>;
  /**
   * Lists schedules whose occurrence has become due, at most 100.
   *
   * @param after The place behind which to begin; `null` for the front.
   */
  due(after: SchedulePlace | null): Promise<DueSchedules>;
  /** Enqueues next occurrences, each once. */
  tick(ticks: readonly Tick[]): Promise<TickAnswer>;
  /** Registers the names of this worker's cron jobs; returns their schedules. */
  register(names: readonly string[]): Promise<Registration>;
  /**
   * Lists schedules with their next occurrences, at most 100.
   *
   * @param after The place behind which to begin; `null` for the front.
   */
  review(after: SchedulePlace | null): Promise<ScheduleReview>;
  /**
   * Replaces next occurrences, unless they have started, or their schedules have another due time by now. The dependents
   * of one that is replaced by an occurrence with another id fail.
   *
   * @returns How many schedules were revised.
   */
  revise(revisions: readonly Revision[]): Promise<number>;
}
