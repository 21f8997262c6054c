import type { NewSchedule, Occurrence, ReviewedSchedule, Revision } from "../../broker/contract/schedule.ts";
import type { RecordCodec } from "../records/record_codec.ts";
import type { NewTaskRecord } from "../records/task_record.ts";
import type { CronJob, Definition } from "../tasks/definition.ts";
import type { Calendar } from "../schedule/calendar.ts";
import { occurrenceId } from "../schedule/occurrence.ts";

/** Options of a {@linkcode Timetable}. */
export interface TimetableOptions {
  readonly registry: ReadonlyMap<string, Definition>;
  readonly codec: RecordCodec;
  readonly calendar: Calendar;
  /** From lowest to highest. */
  readonly priorities: readonly string[];
}

/** A cron job of this worker. */
export type Job = Definition & { readonly cron: CronJob };

/**
 * An occurrence that was missed by no more than this, in milliseconds, is enqueued late. A longer gap means that no worker
 * was running: then the occurrence that was enqueued ahead starts late, and the others in the gap are skipped.
 */
const tolerance = 2000;

/** Computes the occurrences of schedules, as tasks of their own. */
export class Timetable {
  readonly #options: TimetableOptions;

  constructor(options: TimetableOptions) {
    this.#options = options;
  }

  /** The cron jobs of this worker that are due at some time after `now`. */
  jobs(now: number): Job[] {
    const { registry, calendar } = this.#options;
    return [...registry.values()].filter((definition) => {
      const { cron } = definition;
      return cron !== undefined && calendar.next(cron.expression, cron.timeZone, now) !== null;
    }) as Job[];
  }

  /** The cron job of this worker that has a name. */
  job(name: string): Job | undefined {
    const definition = this.#options.registry.get(name);
    return definition?.cron && definition as Job;
  }

  /** The schedule of a cron job, as the code has it. */
  scheduleOf(job: Job, now: number): NewSchedule {
    const { codec, priorities } = this.#options;
    const { expression, timeZone } = job.cron;
    const schedule = { name: job.fnName, isStatic: true, expression, timeZone, priority: priorities[0]! };
    return { ...schedule, data: codec.encodeSchedule(schedule, recordOf(job, now)) };
  }

  /**
   * The next occurrence after a time; `null` when there is none.
   *
   * @param taskId Its id, if that does not follow from the schedule.
   * @throws {StreaqError} When the schedule cannot be read, or its expression is invalid here.
   */
  next(schedule: NewSchedule, after: number, now: number, taskId?: string): Occurrence | null {
    const { calendar, codec } = this.#options;
    const { name } = schedule;
    const { expression, timeZone } = this.#cron(schedule);
    const time = calendar.next(expression, timeZone, after);
    if (time === null) return null;
    const id = taskId ?? occurrenceId(name, time);
    const job = this.job(name);
    const record = job ? recordOf(job, now) : { ...codec.decodeSchedule(schedule, schedule.data), createdTime: now };
    return { taskId: id, time, data: codec.encodeTask(id, record) };
  }

  /**
   * The occurrence that follows one that is due; `null` when there is none.
   *
   * @param due When that one is due, in Unix milliseconds.
   * @throws {StreaqError} When the schedule cannot be read, or its expression is invalid here.
   */
  following(schedule: NewSchedule, due: number, now: number): Occurrence | null {
    const { expression, timeZone } = this.#cron(schedule);
    // Another client may have stored an infinite due time.
    const time = Number.isFinite(due) ? this.#options.calendar.next(expression, timeZone, due) : null;
    return this.next(schedule, time !== null && time >= now - tolerance ? due : now, now);
  }

  /**
   * Whether a due time is later than the next one of the expression can be, because the server's clock was set back, or
   * another client has changed it.
   *
   * @throws {StreaqError} When the expression or the time zone is invalid.
   */
  isTooLate({ expression, timeZone }: Pick<NewSchedule, "expression" | "timeZone">, due: number, now: number): boolean {
    // A clock that is corrected by little does not bring back an occurrence that was due a moment ago.
    const latest = this.#options.calendar.next(expression, timeZone, now + tolerance);
    return latest !== null && due > latest;
  }

  /**
   * Signs the records of a schedule and its next occurrence again, if another secret than the first has signed one of
   * them: that secret may be about to be removed. Those of a cron job of this worker are made from its code, whatever
   * secret has signed them.
   *
   * @returns `null` when there is nothing to sign again.
   * @throws {StreaqError} When a record cannot be read.
   */
  resign(schedule: ReviewedSchedule, now: number): Revision | null {
    const { codec } = this.#options;
    const { name, taskId, time, data, waiting } = schedule;
    const signers = [codec.signerOfSchedule(schedule, data), waiting === null ? "first" : codec.signerOfTask(waiting)];
    if (taskId === "" || signers.every((signer) => signer === "first")) return null;
    const job = this.job(name);
    if (job) {
      const next = { taskId, time, data: codec.encodeTask(taskId, recordOf(job, now)) };
      return { ...schedule, data: this.scheduleOf(job, now).data, next };
    }
    const record = codec.decodeSchedule(schedule, data);
    const occurrence = waiting === null ? { ...record, createdTime: now } : codec.decodeTask(taskId, waiting);
    const next = { taskId, time, data: codec.encodeTask(taskId, occurrence) };
    return { ...schedule, data: codec.encodeSchedule(schedule, record), next };
  }

  /** When a schedule is due. A cron job of this worker follows its code, whatever others have stored. */
  #cron(schedule: NewSchedule): Pick<NewSchedule, "expression" | "timeZone"> {
    return this.job(schedule.name)?.cron ?? schedule;
  }
}

/** The task of a cron job. */
function recordOf({ fnName, options: { expire, version } }: Job, now: number): NewTaskRecord {
  return { fnName, args: [], kwargs: {}, createdTime: now, expire, version };
}
