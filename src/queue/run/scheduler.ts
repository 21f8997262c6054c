import { abortable, deferred, Notice } from "../../base/async.ts";
import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import type { Publishing } from "../../broker/contract/broker.ts";
import type { Scheduling } from "../../broker/contract/scheduling.ts";
import type { DueSchedules, Occurrence, Tick } from "../../broker/contract/schedule.ts";
import type { Definition } from "../tasks/definition.ts";
import { persist } from "./persist.ts";
import type { RecordCodec } from "../records/record_codec.ts";
import type { Calendar } from "../schedule/calendar.ts";
import { DueCursor } from "../schedule/due_cursor.ts";
import { ScheduleReviewer } from "./schedule_reviewer.ts";
import { type Job, Timetable } from "./timetable.ts";

/** Options of a {@linkcode Scheduler}. */
export interface SchedulerOptions {
  readonly publishing: Publishing;
  readonly scheduling: Scheduling;
  readonly registry: ReadonlyMap<string, Definition>;
  readonly codec: RecordCodec;
  readonly calendar: Calendar;
  /** From lowest to highest. */
  readonly priorities: readonly string[];
  /** How long the registration of a cron job lasts, in milliseconds. */
  readonly idleTimeout: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** After how many milliseconds to look at due schedules again when that failed. */
const retryTime = 1000;

/** Outcome of {@linkcode Scheduler.tickDue}. */
export interface Ticked {
  /** Whether an occurrence was enqueued, or a schedule removed. */
  readonly hasChanged: boolean;
  /**
   * In how many milliseconds to tick again, 0 for at once: when the next schedule is due, or another look at schedules
   * that were left to other workers; `null` when there is no schedule.
   */
  readonly next: number | null;
}

/**
 * Enqueues the occurrences of schedules. The next occurrence of each is always enqueued ahead, so that it starts on time
 * whichever workers are alive then; as soon as it is due, the one after it is enqueued.
 */
export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #ready = deferred<void>();
  /** Schedules that were left with a line in the log. */
  readonly #reported = new Set<string>();
  /** Cron jobs of this worker whose schedule was stored by this run. */
  readonly #scheduled = new Set<string>();
  readonly #timetable: Timetable;
  readonly #reviewer: ScheduleReviewer;
  readonly #cursor: DueCursor;
  readonly #changed = new Notice();
  /** Whether a cron job was registered since the jobs were last looked at. */
  #isChanged = false;
  /** Whether the queue may have schedules. */
  #hasSchedules = true;
  readonly #startTime: number;
  #hasFailed = false;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    const { scheduling, logger } = options;
    const timetable = this.#timetable = new Timetable(options);
    this.#reviewer = new ScheduleReviewer({ scheduling, timetable, logger });
    this.#cursor = new DueCursor(options.idleTimeout / 2);
    this.#startTime = options.clock.monotonic();
  }

  /** Resolves when the cron jobs of this worker are scheduled, or the worker stops. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Notifies it that cron jobs were registered. */
  registered(): void {
    this.#isChanged = true;
    // Its schedule may have been left to other workers.
    this.#cursor.reset();
    this.#changed.notify();
  }

  /** Notifies it that the queue has schedules, which are to be reviewed from now on. */
  found(): void {
    if (this.#hasSchedules) return;
    this.#hasSchedules = true;
    this.#changed.notify();
  }

  /**
   * Schedules the cron jobs of this worker, again where a schedule has disappeared, and puts schedules right that are due
   * too late, until the signal is aborted.
   */
  async keep(signal: AbortSignal): Promise<void> {
    const { idleTimeout, clock, logger } = this.#options;
    const what = "Scheduling cron jobs";
    while (!signal.aborted) {
      this.#isChanged = false;
      const jobs = this.#timetable.jobs(clock.now());
      try {
        if (jobs.length > 0) {
          await abortable(persist(() => this.#update(jobs), { what, clock, logger, signal }), signal);
        }
        this.#ready.resolve();
        if (this.#hasSchedules) await abortable(this.#review(), signal);
        // A job that was registered meanwhile is not covered.
        if (this.#isChanged) continue;
        if (jobs.length > 0 || this.#hasSchedules) await this.#changed.waitAtMost(idleTimeout / 2, { clock, signal });
        else await abortable(this.#changed.wait(), signal);
      } catch {
        // Only when the signal is aborted.
      }
    }
    this.#ready.resolve();
  }

  /** Registers the cron jobs of this worker; schedules those that are new here, or whose schedule is missing. */
  async #update(jobs: readonly Job[]): Promise<void> {
    const registration = await this.#options.scheduling.register(jobs.map(({ fnName }) => fnName));
    // A job that is new here may have changed since the last deployment.
    const isNew = ({ fnName }: Job, i: number) => !registration.schedules[i] || !this.#scheduled.has(fnName);
    await this.#schedule(jobs.filter(isNew));
    await this.#reviewer.reviewJobs(jobs, registration);
    for (const { fnName } of jobs) this.#scheduled.add(fnName);
  }

  /** Puts schedules right; a failure is left to the next time. */
  async #review(): Promise<void> {
    try {
      this.#hasSchedules = await this.#reviewer.review();
    } catch (error) {
      this.#options.logger.debug(`Reviewing schedules failed and will be retried: ${error}`);
    }
  }

  /**
   * Enqueues the occurrences that follow those that are due. Each call looks at a limited number of schedules, and the
   * next one continues behind those that were left to other workers.
   */
  async tickDue(): Promise<Ticked> {
    const { scheduling, publishing, priorities, clock, logger } = this.#options;
    try {
      const { due, time, unfinished, next: nextDue } = await scheduling.due(this.#cursor.place(clock.monotonic()));
      if (due.length > 0 || nextDue !== null) this.found();
      const ticks: Tick[] = [];
      const left = new Set<Due>();
      let removed = 0;
      for (const job of due) {
        const next = this.#following(job, time);
        if (next === "left") {
          left.add(job);
          continue;
        }
        if (typeof next !== "string") {
          ticks.push({ ...job, priority: job.priority || priorities[0]!, next });
          continue;
        }
        const isGone = next === "gone";
        // The last occurrence of a finished schedule still runs.
        const isRemoved = await publishing.unschedule(job.name, { withdraw: isGone }).catch(() => null);
        // One that cannot be removed must not stop the others.
        if (isRemoved === null) left.add(job);
        if (!isRemoved) continue;
        removed++;
        if (isGone) logger.warn(`cron job ${job.name} is no longer registered by any worker and was removed`);
      }
      const { enqueued, refused } = await this.#tick(ticks);
      this.#hasFailed = false;
      const hasChanged = enqueued + removed > 0;
      const now = clock.monotonic();
      const leftInOrder = due.filter((job) => left.has(job) || refused.has(job.name));
      this.#cursor.advance({ time, left: leftInOrder, last: due.at(-1), hasChanged, unfinished }, now);
      // A refused one is looked at again together with those that were left.
      const ticked = ticks.filter(({ name }) => !refused.has(name));
      const waits = [nextDue, this.#cursor.untilFront(now), ...ticked.map(({ next }) => Math.max(0, next.time - time))];
      const wait = Math.min(...waits.map((ms) => ms ?? Infinity));
      return { hasChanged, next: unfinished ? 0 : wait === Infinity ? null : wait };
    } catch (error) {
      // Delayed tasks must not wait for this.
      if (!this.#hasFailed) logger.warn(`Enqueuing cron jobs failed and will be retried: ${error}`);
      this.#hasFailed = true;
      return { hasChanged: false, next: retryTime };
    }
  }

  /** Enqueues next occurrences; returns how many, and the schedules whose next occurrence the broker refuses. */
  async #tick(ticks: readonly Tick[]): Promise<{ enqueued: number; refused: ReadonlySet<string> }> {
    const refused = new Set<string>();
    if (ticks.length === 0) return { enqueued: 0, refused };
    const answer = await this.#options.scheduling.tick(ticks);
    for (const [{ name }, error] of answer.refused) {
      refused.add(name);
      this.#report(name, `Cannot enqueue the next occurrence of schedule ${name}, trying again later: ${error}`);
    }
    return { enqueued: answer.enqueued, refused };
  }

  /** Logs a line about a schedule that is left as it is, once. */
  #report(name: string, line: string): void {
    if (!this.#reported.has(name)) this.#options.logger.error(line);
    this.#reported.add(name);
  }

  /** Stores the schedules of cron jobs; changes take effect now. */
  async #schedule(jobs: readonly Job[]): Promise<void> {
    const { publishing, logger } = this.#options;
    if (jobs.length === 0) return;
    const now = await publishing.time();
    await Promise.all(jobs.map(async (job) => {
      const schedule = this.#timetable.scheduleOf(job, now);
      const first = this.#timetable.next(schedule, now, now);
      const answer = first && await publishing.schedule(schedule, first);
      if (!answer || answer === "unchanged") return;
      logger.info(`cron job ${job.fnName} ${answer}, next at ${new Date(first.time).toISOString()}`);
    }));
  }

  /**
   * The occurrence that follows a due one; or why there is none: the schedule is over, no worker registers it any more
   * (gone), or it is left to other workers.
   */
  #following(job: Due, now: number): Occurrence | "over" | "gone" | "left" {
    const { idleTimeout, clock } = this.#options;
    const { name, isStatic, isRegistered } = job;
    if (isStatic && !this.#timetable.job(name)) {
      // After a stop of all workers, the one that registers it may be about to start.
      const isNew = now - job.time < idleTimeout || clock.monotonic() - this.#startTime < idleTimeout;
      return isRegistered || isNew ? "left" : "gone";
    }
    try {
      return this.#timetable.following(job, job.time, now) ?? "over";
    } catch (error) {
      // Its record may be for workers with another secret, or its expression for another version of the parser.
      this.#report(name, `schedule ${name} is left to other workers: ${error}`);
      return "left";
    }
  }
}

/** A schedule whose occurrence has become due. */
type Due = DueSchedules["due"][number];
