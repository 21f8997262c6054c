import type { Payload } from "./payload.ts";

/** A task to be stored and queued. */
export interface NewTask {
  readonly id: string;
  readonly data: Payload;
  readonly priority: string;
  /**
   * Whether the id was made for this task, and was neither sent before nor seen by anyone, so that no other task can have
   * it.
   */
  readonly isFresh?: boolean | undefined;
  /** Earliest start: milliseconds from now, or a time; `undefined` for a task that is ready. */
  readonly due?: number | Date | undefined;
  /** Tasks that must succeed before this one is queued. Those published in the same call must come before it. */
  readonly after?: readonly string[] | undefined;
  /** The next task of the pipeline, whose input is the output of this one; stored in the same step. */
  readonly next?: NewTask | undefined;
}

/**
 * Outcome of publishing a {@linkcode NewTask} and the pipeline behind it: stored now, stored before, finished before,
 * or refused with an error that concerns this task alone. `repeated`: the task exists or has finished, but the call was
 * sent more than once, so this call may have stored it.
 */
export type Published = "created" | "exists" | "done" | "repeated" | Error;

/** State of a task. */
export type State = "missing" | "scheduled" | "queued" | "running" | "done";

/** State of a task that has not finished. */
export type OpenState = Exclude<State, "missing" | "done">;

/** The stored data of a task that has not finished. */
export interface Found {
  readonly taskId: string;
  readonly data: Payload;
  /** Tries so far, the current one included. */
  readonly tries: number;
  readonly state: OpenState;
  /** When a delayed task is due, in Unix milliseconds. */
  readonly dueTime: number | null;
  /** Tasks that it still waits for, at most as many as requested. */
  readonly dependencies: readonly string[];
  /** Tasks that wait for it, at most as many as requested. */
  readonly dependents: readonly string[];
}
