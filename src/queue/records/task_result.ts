import { StreaqError } from "../../base/errors.ts";

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
  /**
   * Cannot be read: a task that succeeded has no exception.
   *
   * @throws {StreaqError} Always.
   */
  readonly exception: never;
}

/** The result of a task that failed. */
export interface TaskFailure extends TaskResultFields {
  /** Whether the task succeeded. */
  readonly success: false;
  /**
   * Cannot be read: a task that failed has no result.
   *
   * @throws {StreaqError} Always.
   */
  readonly result: never;
  /** The error that the task failed with. */
  readonly exception: Error;
}

/**
 * The outcome of a task: a success with its `result`, or a failure with its `exception`.
 *
 * @example
 * ```ts
 * import type { Task } from "@q/streaq";
 *
 * async function report(task: Task<number>): Promise<string> {
 *   const outcome = await task.result({ timeout: "30s" });
 *   return outcome.success ? `${outcome.result} words` : `Failed: ${outcome.exception.message}`;
 * }
 * ```
 */
export type TaskResult<R> = TaskSuccess<R> | TaskFailure;

/** Creates the result of a task that succeeded. */
export function success<R>(fields: TaskResultFields, result: R): TaskSuccess<R> {
  return new Result(fields, true, result) as unknown as TaskSuccess<R>;
}

/** Creates the result of a task that failed. */
export function failure(fields: TaskResultFields, exception: Error): TaskFailure {
  return new Result(fields, false, exception) as unknown as TaskFailure;
}

/** Both kinds of results. The getters that throw are on the prototype, so listing the properties does not call them. */
class Result {
  readonly taskId: string;
  readonly fnName: string;
  readonly createdTime: number;
  readonly enqueueTime: number;
  readonly startTime: number;
  readonly finishTime: number;
  readonly tries: number;
  readonly workerId: string;
  readonly success: boolean;
  readonly #value: unknown;

  constructor(fields: TaskResultFields, success: boolean, value: unknown) {
    this.taskId = fields.taskId;
    this.fnName = fields.fnName;
    this.createdTime = fields.createdTime;
    this.enqueueTime = fields.enqueueTime;
    this.startTime = fields.startTime;
    this.finishTime = fields.finishTime;
    this.tries = fields.tries;
    this.workerId = fields.workerId;
    this.success = success;
    this.#value = value;
  }

  get result(): unknown {
    if (this.success) return this.#value;
    throw new StreaqError(`Cannot read the result of task ${this.taskId}: it failed, read its exception`, {
      cause: this.#value,
    });
  }

  get exception(): unknown {
    if (!this.success) return this.#value;
    throw new StreaqError(`Cannot read the exception of task ${this.taskId}: it succeeded, read its result`);
  }

  toJSON(): Record<string, unknown> {
    if (this.success) return this.#shown();
    const { name, message } = this.#value as Error;
    return { ...this.#shown(), exception: { name, message } };
  }

  [Symbol.for("nodejs.util.inspect.custom")](): Record<string, unknown> {
    return this.#shown();
  }

  [Symbol.for("Deno.customInspect")](inspect: (value: unknown) => string): string {
    return inspect(this.#shown());
  }

  #shown(): Record<string, unknown> {
    return { ...(this as object), [this.success ? "result" : "exception"]: this.#value };
  }
}
