import type { Payload } from "./payload.ts";

/** The schedule of a task that repeats, or of a cron job. */
export interface NewSchedule {
  /** The name of a cron job, or the id of a task that was scheduled with its arguments. */
  readonly name: string;
  /** Whether it is a cron job that a worker registers in its code. */
  readonly isStatic: boolean;
  readonly expression: string;
  readonly timeZone: string;
  readonly priority: string;
  /** The task's record, stored under the schedule's name. */
  readonly data: Payload;
}

/** A stored schedule, with the time of the occurrence that is enqueued ahead, in Unix milliseconds. */
export interface StoredSchedule extends NewSchedule {
  readonly time: number;
}

/** One run of a schedule, as a task of its own. */
export interface Occurrence {
  readonly taskId: string;
  readonly data: Payload;
  /** When it is due, in Unix milliseconds. */
  readonly time: number;
}

/**
 * Outcome of storing a {@linkcode NewSchedule}; `exists`, `done` and `repeated`, as for `Published`, only for one that is
 * not a cron job.
 */
export type ScheduleAnswer = "created" | "changed" | "unchanged" | "exists" | "done" | "repeated";

/** Schedules whose occurrence has become due. */
export interface DueSchedules {
  /** The time now, in Unix milliseconds by the server's clock. */
  readonly time: number;
  readonly due: readonly (StoredSchedule & {
    /** Whether a living worker has registered it. */
    readonly isRegistered: boolean;
  })[];
}

/** The step of a schedule from the occurrence that has become due to the next one. */
export interface Tick extends Pick<NewSchedule, "name" | "priority" | "timeZone"> {
  /** When the due occurrence was scheduled for, in Unix milliseconds. */
  readonly time: number;
  readonly next: Occurrence;
}
