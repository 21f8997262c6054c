import type { Payload } from "./payload.ts";

/** A task whose failure is kept, in the list of all. */
export interface ListedFailure {
  readonly taskId: string;
  /** When it failed, in Unix milliseconds by the server's clock. */
  readonly time: number;
}

/** The stored data of a task whose failure is kept. */
export interface KeptFailure extends ListedFailure {
  readonly priority: string;
  /** The task that failed first, if this one failed with it, possibly several levels below. */
  readonly failedWith: string | null;
  /** The dependency because of which it cannot run; `null` for a task that failed by itself. */
  readonly blocker: string | null;
  /** The task's record. */
  readonly data: Payload;
  /** The record of its failure. */
  readonly result: Payload;
}

/** A failed task to be queued again, if it has not failed again since. */
export interface Revival extends ListedFailure {
  /**
   * The tasks that must have succeeded. One that is unknown has succeeded, as results expire, unless it is the blocker.
   * Those of the same call must come before it.
   */
  readonly after: readonly string[];
}

/**
 * Outcome of a {@linkcode Revival}: queued again, or waiting for others; `exists`, as it is queued already; `done`, as it
 * has finished otherwise since; `missing`, as no failure is kept; `blocked`, as a task on which it depends has failed and
 * is not queued again; or an error that concerns this task alone.
 */
export type Revived = "queued" | "exists" | "done" | "missing" | "blocked" | Error;

/**
 * The failures that a queue keeps, so that their tasks can be retried: the newest 10,000. A retried task has its former
 * id, record and priority, and its tries begin again.
 */
export interface Failures {
  /** All kept failures, the newest first. */
  list(): Promise<ListedFailure[]>;
  count(): Promise<number>;
  /** The kept failures of some tasks, in order; `null` for a task without one. */
  load(taskIds: readonly string[]): Promise<(KeptFailure | null)[]>;
  /** For each task the tasks that failed with it and come back with it, at most 1,000, in no order. */
  companions(taskIds: readonly string[]): Promise<string[][]>;
  /** Queues failed tasks again, in order. */
  revive(revivals: readonly Revival[]): Promise<Revived[]>;
  /** Drops kept failures; returns how many there were. */
  purge(taskIds: readonly string[]): Promise<number>;
}
