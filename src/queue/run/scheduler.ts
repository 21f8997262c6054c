import { abortable, deferred, delay } from "../../base/async.ts";
import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import type { Publishing } from "../../broker/contract/broker.ts";
import type { Scheduling } from "../../broker/contract/scheduling.ts";
import type { DueSchedules, NewSchedule, Occurrence, Tick } from "../../broker/contract/schedule.ts";
import type { CronJob, Definition } from "../tasks/definition.ts";
import { persist } from "./persist.ts";
import type { RecordCodec } from "../records/record_codec.ts";
import type { Calendar } from "../schedule/calendar.ts";
import { occurrenceId } from "../schedule/occurrence.ts";

/** What a {@linkcode Scheduler} needs of its worker. */
export interface SchedulerOptions {
  readonly publishing: Publishing;
  readonly scheduling: Scheduling;
  readonly registry: ReadonlyMap<string, Definition>;
  readonly codec: RecordCodec;
  readonly calendar: Calendar;
  /** From lowest to highest. */
  readonly priorities: readonly string[];
  /** What a living worker has in its code is known for as long, in milliseconds. */
  readonly idleTimeout: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * An occurrence that was missed by no more than this, in milliseconds, is enqueued late. More means that no worker ran:
 * then the one that was enqueued ahead starts late, and the others of that time are left out.
 */
const tolerance = 2000;

/**
 * Enqueues the occurrences of cron jobs. Of each job the next one is always enqueued ahead, so that it is there when its
 * time comes, whoever lives then; as soon as it is due, it is time to enqueue the one after it.
 */
export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #ready = deferred<void>();
  /** Jobs that were left to others with a line in the log. */
  readonly #unreadable = new Set<string>();
  readonly #startTime: number;
  #hasFailed = false;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.#startTime = options.clock.monotonic();
  }

  /** Resolves when the jobs of the code are scheduled, or will not be. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Schedules the jobs of the code, sees to it that they stay scheduled, and keeps on until told to stop. */
  async keep(signal: AbortSignal): Promise<void> {
    const { scheduling, idleTimeout, clock, logger } = this.#options;
    // All of them at the start, as they may have changed; later only what is gone.
    let isStart = true;
    const operation = async () => {
      const jobs = this.#jobs;
      const missing = new Set(await scheduling.register(jobs.map(({ fnName }) => fnName)));
      await this.#schedule(isStart ? jobs : jobs.filter(({ fnName }) => missing.has(fnName)));
      isStart = false;
    };
    while (!signal.aborted && this.#jobs.length > 0) {
      try {
        await abortable(persist(operation, { what: "Scheduling cron jobs", clock, logger, signal }), signal);
        this.#ready.resolve();
        await delay(idleTimeout / 2, { clock, signal });
      } catch {
        // Only when told to stop.
      }
    }
    this.#ready.resolve();
  }

  /**
   * Enqueues the occurrences that come after those that are due.
   *
   * @returns Whether something was done: what is left to another worker stays due, and so does what failed.
   */
  async tick(): Promise<boolean> {
    const { scheduling, publishing, priorities, logger } = this.#options;
    try {
      const { due, time } = await scheduling.due();
      const ticks: Tick[] = [];
      let removed = 0;
      for (const job of due) {
        const next = this.#following(job, time);
        if (next === "left") continue;
        if (typeof next !== "string") {
          ticks.push({ ...job, priority: job.priority || priorities[0]!, next });
          continue;
        }
        const isGone = next === "gone";
        // Of a job that is over the last occurrence still runs.
        if (!await publishing.unschedule(job.name, { withdraw: isGone })) continue;
        removed++;
        if (isGone) logger.warn(`cron job ${job.name} is in the code of no worker any more, and was removed`);
      }
      const ticked = ticks.length === 0 ? 0 : await scheduling.tick(ticks);
      this.#hasFailed = false;
      return ticked + removed > 0;
    } catch (error) {
      // Tasks that wait for their time are not to wait for this.
      if (!this.#hasFailed) logger.warn(`Enqueuing cron jobs failed and is tried again: ${error}`);
      this.#hasFailed = true;
      return false;
    }
  }

  /** The jobs in the code of this worker that are due some day. */
  get #jobs(): Job[] {
    const { registry, calendar, clock } = this.#options;
    return [...registry.values()].filter((definition) => {
      const { cron } = definition;
      return cron !== undefined && calendar.next(cron.expression, cron.timeZone, clock.now()) !== null;
    }) as Job[];
  }

  /** Schedules jobs; those that have changed take effect now. */
  async #schedule(jobs: readonly Job[]): Promise<void> {
    const { publishing, logger } = this.#options;
    if (jobs.length === 0) return;
    const now = await publishing.time();
    await Promise.all(jobs.map(async (job) => {
      const schedule = this.#scheduleOf(job, now);
      const first = this.#next(schedule, now, now);
      const answer = first && await publishing.schedule(schedule, first);
      if (!answer || answer === "unchanged") return;
      logger.info(`cron job ${job.fnName} ${answer}, next at ${new Date(first.time).toISOString()}`);
    }));
  }

  /**
   * What comes after an occurrence that is due: the next one, or none, as the job is over, or gone from all code, or left
   * to others.
   */
  #following(job: Due, now: number): Occurrence | "over" | "gone" | "left" {
    const { calendar, registry, idleTimeout, clock, logger } = this.#options;
    const { name, isStatic, isRegistered, expression, timeZone } = job;
    if (isStatic && !registry.get(name)?.cron) {
      // Where all were stopped, the worker that knows it may be about to start.
      const isNew = now - job.time < idleTimeout || clock.monotonic() - this.#startTime < idleTimeout;
      return isRegistered || isNew ? "left" : "gone";
    }
    try {
      const time = calendar.next(expression, timeZone, job.time);
      const after = time !== null && time >= now - tolerance ? job.time : now;
      return this.#next(job, after, now) ?? "over";
    } catch (error) {
      // Its record is for workers with another secret, or its expression for other readers of expressions.
      if (!this.#unreadable.has(name)) logger.error(`cron job ${name} is left to other workers: ${error}`);
      this.#unreadable.add(name);
      return "left";
    }
  }

  /** The next occurrence after a time, as a task of its own. */
  #next({ name, data, expression, timeZone }: NewSchedule, after: number, now: number): Occurrence | null {
    const { calendar, codec } = this.#options;
    const time = calendar.next(expression, timeZone, after);
    if (time === null) return null;
    const taskId = occurrenceId(name, time);
    return { taskId, time, data: codec.encodeTask(taskId, { ...codec.decodeTask(name, data), createdTime: now }) };
  }

  #scheduleOf({ fnName, cron, options }: Job, now: number): NewSchedule {
    const { codec, priorities } = this.#options;
    const { expire } = options;
    const data = codec.encodeTask(fnName, { fnName, args: [], kwargs: {}, createdTime: now, expire });
    const { expression, timeZone } = cron;
    return { name: fnName, isStatic: true, expression, timeZone, priority: priorities[0]!, data };
  }
}

/** A function that runs by itself. */
type Job = Definition & { readonly cron: CronJob };

/** A job whose occurrence has become due. */
type Due = DueSchedules["due"][number];
