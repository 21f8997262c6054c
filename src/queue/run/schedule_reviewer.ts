import type { Logger } from "../../base/log.ts";
import type { Registration, ReviewedSchedule, Revision, SchedulePlace } from "../../broker/contract/schedule.ts";
import type { Scheduling } from "../../broker/contract/scheduling.ts";
import type { Job, Timetable } from "./timetable.ts";

/** Options of a {@linkcode ScheduleReviewer}. */
export interface ScheduleReviewerOptions {
  readonly scheduling: Pick<Scheduling, "review" | "revise">;
  readonly timetable: Timetable;
  readonly logger: Logger;
}

/** How many pages of schedules one review loads at most; the next review continues behind them. */
const maxPages = 10;

/** The part of a stored schedule that says when it is due. */
type Stored = Pick<ReviewedSchedule, "time" | "expression" | "timeZone">;

/**
 * Corrects the next occurrences of schedules, and signs them again when the secret changes. When the server's clock is
 * set back, an occurrence that was enqueued ahead would be due much later than it should be, and the schedule would be
 * silent until then.
 */
export class ScheduleReviewer {
  readonly #options: ScheduleReviewerOptions;
  #place: SchedulePlace | null = null;

  constructor(options: ScheduleReviewerOptions) {
    this.#options = options;
  }

  /** Puts the next occurrences of this worker's cron jobs right. */
  async reviewJobs(jobs: readonly Job[], { time: now, schedules }: Registration): Promise<void> {
    await this.#revise(jobs.map((job, i) => {
      const stored = schedules[i];
      return stored && this.#revisionOfJob(job, stored, now);
    }));
  }

  /**
   * Puts the next occurrences of schedules right, of a limited number in each call.
   *
   * @returns Whether there are any schedules.
   */
  async review(): Promise<boolean> {
    const { scheduling } = this.#options;
    let isEmpty = this.#place === null;
    for (let page = 0; page < maxPages; page++) {
      const { time, schedules, unfinished } = await scheduling.review(this.#place);
      if (schedules.length > 0) isEmpty = false;
      await this.#revise(schedules.map((schedule) => this.#revisionOf(schedule, time)));
      this.#place = unfinished ? schedules.at(-1) ?? null : null;
      if (this.#place === null) break;
    }
    return !isEmpty;
  }

  async #revise(revisions: readonly (Revision | null | undefined)[]): Promise<void> {
    const all = revisions.filter((revision) => !!revision);
    if (all.length > 0) await this.#options.scheduling.revise(all);
  }

  #revisionOf(schedule: ReviewedSchedule, now: number): Revision | null {
    const { timetable } = this.#options;
    const { name, isStatic, time, data, taskId } = schedule;
    try {
      if (isStatic) {
        const job = timetable.job(name);
        if (!job || !isOf(job, schedule)) return null;
        return this.#revisionOfJob(job, schedule, now) ?? timetable.resign(schedule, now);
      }
      if (!timetable.isTooLate(schedule, time, now)) return timetable.resign(schedule, now);
      // The first occurrence has the id of the task, under which its result is waited for.
      const next = timetable.next(schedule, now, now, taskId === name ? name : undefined);
      return next && this.#log({ ...schedule, data, next });
    } catch {
      // It is for workers with another secret, or another version of the parser.
      return null;
    }
  }

  #revisionOfJob(job: Job, stored: Stored, now: number): Revision | null {
    const { timetable } = this.#options;
    const { time } = stored;
    if (!isOf(job, stored) || !timetable.isTooLate(job.cron, time, now)) return null;
    const schedule = timetable.scheduleOf(job, now);
    const next = timetable.next(schedule, now, now);
    return next && this.#log({ ...schedule, time, next });
  }

  #log(revision: Revision): Revision {
    const { name, time, next } = revision;
    const [was, is] = [time, next.time].map((time) => Number.isFinite(time) ? new Date(time).toISOString() : time);
    this.#options.logger.warn(`schedule ${name} was due too late, at ${was}, and is next at ${is}`);
    return revision;
  }
}

/** Whether a stored schedule is that of the code; otherwise a worker with another version of the code has stored it. */
function isOf({ cron }: Job, { expression, timeZone }: Stored): boolean {
  return expression === cron.expression && timeZone === cron.timeZone;
}
