import type { Payload } from "./broker.ts";

/** A task that repeats. */
export interface NewSchedule {
  /** The name of a function, or the id of a task that was scheduled with its arguments. */
  readonly name: string;
  /** Whether it is a job of the code. */
  readonly isStatic: boolean;
  readonly expression: string;
  readonly timeZone: string;
  readonly priority: string;
  /** The task's record, under its name. */
  readonly data: Payload;
}

/** A task that repeats, with the time of the occurrence that is enqueued ahead, in Unix milliseconds. */
export interface StoredSchedule extends NewSchedule {
  readonly time: number;
}

/** One run of a task that repeats, as a task of its own. */
export interface Occurrence {
  readonly taskId: string;
  readonly data: Payload;
  /** When it is due, in Unix milliseconds. */
  readonly time: number;
}

/** What became of a {@linkcode NewSchedule}; as of a task that is published, for one that is no job of the code. */
export type ScheduleAnswer = "created" | "changed" | "unchanged" | "exists" | "done";

/** What is to be done about tasks that repeat. */
export interface DueSchedules {
  /** The time now, in Unix milliseconds by the server's clock. */
  readonly time: number;
  /** Those whose occurrence has become due. */
  readonly due: readonly (StoredSchedule & {
    /** Whether a living worker has it in its code. */
    readonly isKnown: boolean;
  })[];
}

/** The step of a job from the occurrence that has become due to the next one. */
export interface Tick extends Pick<NewSchedule, "name" | "priority" | "timeZone"> {
  /** When the one was due, in Unix milliseconds. */
  readonly time: number;
  readonly next: Occurrence;
}
