/** The fields that successes and failures share. Times are Unix milliseconds. */
export interface TaskResultFields {
  /** The id of the task. */
  readonly taskId: string;
  /** The name under which it was enqueued. */
  readonly fnName: string;
  /** When the request was sent, by the producer's clock. */
  readonly createdTime: number;
  /**
   * When the task became ready for its last run, by the server's clock; `createdTime` for a task that was aborted, or
   * that failed with a dependency.
   */
  readonly enqueueTime: number;
  /**
   * When the last run started, by the worker's clock; `finishTime` for a task that was aborted, or that failed with a
   * dependency.
   */
  readonly startTime: number;
  /** When the task finished, by the worker's clock. */
  readonly finishTime: number;
  /**
   * Number of runs, including the last one but not those that a shutdown released; 0 when the function was never
   * called.
   */
  readonly tries: number;
  /** The worker that ran the task last, or that completed it without running it. */
  readonly workerId: string;
}

/** The result of a task that succeeded. */
export interface TaskSuccess<R> extends TaskResultFields {
  /** Whether the task succeeded. */
  readonly success: true;
  /** The value that the function returned. */
  readonly result: R;
  /** A task that succeeded has no exception. */
  readonly exception: undefined;
}

/** The result of a task that failed. */
export interface TaskFailure extends TaskResultFields {
  /** Whether the task succeeded. */
  readonly success: false;
  /** A task that failed has no result. */
  readonly result: undefined;
  /**
   * The error that the task failed with. In JSON it has its name, message, stack and cause, which `JSON.stringify()` drops
   * from other errors.
   */
  readonly exception: Error;
}

/**
 * The outcome of a task, as plain data: a success with its `result`, or a failure with its `exception`. The other field is
 * `undefined`.
 *
 * @example
 * ```ts
 * import type { Task } from "@q/streaq";
 *
 * async function report(task: Task<number>): Promise<string> {
 *   const { success, result, exception } = await task.result({ timeout: "30s" });
 *   return success ? `${result} words` : `Failed: ${exception.message}`;
 * }
 * ```
 */
export type TaskResult<R = unknown> = TaskSuccess<R> | TaskFailure;

/** Creates the result of a task that succeeded. */
export function success<R>(fields: TaskResultFields, result: R): TaskSuccess<R> {
  return { ...fields, success: true, result, exception: undefined };
}

/** Creates the result of a task that failed. */
export function failure(fields: TaskResultFields, exception: Error): TaskFailure {
  return { ...fields, success: false, result: undefined, exception };
}
