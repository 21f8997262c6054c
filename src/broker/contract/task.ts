import type { Payload } from "./payload.ts";

/** A task to be stored and queued. */
export interface NewTask {
  readonly id: string;
  readonly data: Payload;
  readonly priority: string;
  /** Earliest start: milliseconds from now, or a time; `undefined` for a task that is ready. */
  readonly due?: number | Date | undefined;
  /** Tasks that must succeed before this one is queued. Those published in the same call come before it. */
  readonly after?: readonly string[] | undefined;
  /** The task that takes the result of this one as its input; stored in the same step. */
  readonly next?: NewTask | undefined;
}

/**
 * Outcome of publishing a {@linkcode NewTask} together with the pipeline behind it: stored now, stored before, finished
 * before, or refused by the store with an error that concerns this task alone. `repeated`: the task exists or has
 * finished, but the call was sent more than once, so this call may have stored it.
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
  /** Runs that were started, or tried and counted, so far. */
  readonly tries: number;
  readonly state: OpenState;
  /** When a delayed task is due, in Unix milliseconds. */
  readonly dueTime: number | null;
  /** Tasks that it still waits for, up to the number asked for. */
  readonly dependencies: readonly string[];
  /** Tasks that wait for it, up to the number asked for. */
  readonly dependents: readonly string[];
}
