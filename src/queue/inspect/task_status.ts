/** Where a task is in its life. */
export const TaskStatus = {
  /** Never enqueued, or its result is gone. */
  NotFound: "missing",
  /** Ready to run, and waiting for a worker. */
  Queued: "queued",
  /** A worker runs it. */
  Running: "running",
  /** Waiting for its time, or for a dependency. */
  Scheduled: "scheduled",
  /** Ended, with a result or a failure. */
  Done: "done",
} as const;

/** Where a task is in its life. */
export type TaskStatus = (typeof TaskStatus)[keyof typeof TaskStatus];
