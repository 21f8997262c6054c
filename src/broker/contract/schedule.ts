import type { Payload } from "./payload.ts";

/** The schedule of a cron job, or of a task that was enqueued with an expression. */
export interface NewSchedule {
  /** The name of the cron job, or the id of the task. */
  readonly name: string;
  /** Whether it is a cron job, which workers register in their code. */
  readonly isStatic: boolean;
  readonly expression: string;
  readonly timeZone: string;
  readonly priority: string;
  /** The task's record, with the schedule's name as its id. */
  readonly data: Payload;
}

/** A stored schedule. */
export interface StoredSchedule extends NewSchedule {
  /** When the next occurrence is due, in Unix milliseconds; it is already enqueued. */
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
 * Outcome of storing a {@linkcode NewSchedule}; a cron job never gets `exists`, `done` or `repeated`, which are those of
 * `Published`.
 */
export type ScheduleAnswer = "created" | "changed" | "unchanged" | "exists" | "done" | "repeated";

/** A place among the schedules of a queue, which are ordered by the due time of the next occurrence, then by name. */
export interface SchedulePlace {
  readonly time: number;
  readonly name: string;
}

/** Schedules whose occurrence has become due, from a place on; a call returns a limited number. */
export interface DueSchedules {
  /** The time now, in Unix milliseconds by the server's clock. */
  readonly time: number;
  readonly due: readonly (StoredSchedule & {
    /** Whether a living worker has registered the cron job. */
    readonly isRegistered: boolean;
  })[];
  /** Whether more schedules may be due behind the last one. */
  readonly unfinished: boolean;
  /** In how many milliseconds the first schedule that is not due yet is due; `null` when there is none. */
  readonly next: number | null;
}

/** A stored schedule, for a look at whether its next occurrence is right. */
export interface ReviewedSchedule extends StoredSchedule {
  /** The id of the next occurrence. */
  readonly taskId: string;
  /** The record of the next occurrence while that waits for its time; `null` otherwise. */
  readonly waiting: Payload | null;
}

/** Schedules from a place on, due or not; a call returns a limited number. */
export interface ScheduleReview {
  /** The time now, in Unix milliseconds by the server's clock. */
  readonly time: number;
  readonly schedules: readonly ReviewedSchedule[];
  /** Whether there may be more schedules behind the last one. */
  readonly unfinished: boolean;
}

/** Outcome of registering cron jobs. */
export interface Registration {
  /** The time now, in Unix milliseconds by the server's clock. */
  readonly time: number;
  /** For each job its stored schedule; `null` when that is missing, or not complete. */
  readonly schedules: readonly (Pick<StoredSchedule, "expression" | "timeZone" | "time"> | null)[];
}

/** The step of a schedule from the occurrence that is due to the next one. */
export interface Tick extends Pick<NewSchedule, "name" | "priority" | "timeZone"> {
  /** When the current occurrence is due, in Unix milliseconds. */
  readonly time: number;
  readonly next: Occurrence;
}

/** Outcome of enqueuing next occurrences. */
export interface TickAnswer {
  /** How many were new. */
  readonly enqueued: number;
  /** Schedules that stay due, because the broker refuses to delay their next occurrence. */
  readonly refused: ReadonlyMap<Tick, Error>;
}

/** The replacement of the next occurrence of a schedule, which waits for its time, by another one. */
export interface Revision extends Tick {
  /** The record of the schedule, which is replaced too. */
  readonly data: Payload;
}
