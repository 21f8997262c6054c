/**
 * The status of a task.
 *
 * @example
 * ```ts
 * import { TaskStatus, Worker } from "@q/streaq";
 *
 * const worker = new Worker();
 * if (await worker.statusById("order-17") === TaskStatus.Running) await worker.abortById("order-17");
 * ```
 */
export const TaskStatus = {
  /** Never enqueued, or its result is gone. */
  NotFound: "missing",
  /** Ready to run, and waiting for a worker. */
  Queued: "queued",
  /** Running in a worker. */
  Running: "running",
  /** Waiting for its time, or for a dependency. */
  Scheduled: "scheduled",
  /** Succeeded or failed. */
  Done: "done",
} as const;

/** The status of a task, as one of the values of {@linkcode TaskStatus}. */
export type TaskStatus = (typeof TaskStatus)[keyof typeof TaskStatus];
