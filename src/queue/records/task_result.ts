import { StreaqError } from "../../base/errors.ts";

/** What every result says, whatever became of the task. Times are Unix milliseconds. */
export interface TaskResultFields {
  /** The task's id. */
  readonly taskId: string;
  /** The name that it was enqueued under. */
  readonly fnName: string;
  /** When the request was made, by the clock of the process that made it. */
  readonly createdTime: number;
  /** When the task became ready to run, by the server's clock; `createdTime` for a task that was aborted. */
  readonly enqueueTime: number;
  /** When the last run began, by the worker's clock; the time of the abort for a task that was aborted. */
  readonly startTime: number;
  /** When it ended, by the worker's clock. */
  readonly finishTime: number;
  /** Runs that were counted, the last one included; 0 when the function never ran. */
  readonly tries: number;
  /** The worker that ran it last, or that aborted it. */
  readonly workerId: string;
}

/** The result of a task that succeeded. */
export interface TaskSuccess<R> extends TaskResultFields {
  /** Whether the task succeeded. */
  readonly success: true;
  /** What the function returned. */
  readonly result: R;
  /**
   * Not there.
   *
   * @throws {StreaqError} Always: a task that succeeded has none.
   */
  readonly exception: never;
}

/** The result of a task that failed. */
export interface TaskFailure extends TaskResultFields {
  /** Whether the task succeeded. */
  readonly success: false;
  /**
   * Not there.
   *
   * @throws {StreaqError} Always: a task that failed has none.
   */
  readonly result: never;
  /** Why the task failed. */
  readonly exception: Error;
}

/** The end of a task: a success with its `result`, or a failure with its `exception`. */
export type TaskResult<R> = TaskSuccess<R> | TaskFailure;

/** Makes the result of a task that succeeded. */
export function success<R>(fields: TaskResultFields, result: R): TaskSuccess<R> {
  return new Ended(fields, true, result) as unknown as TaskSuccess<R>;
}

/** Makes the result of a task that failed. */
export function failure(fields: TaskResultFields, exception: Error): TaskFailure {
  return new Ended(fields, false, exception) as unknown as TaskFailure;
}

/** Both kinds in one class; the getters are on the prototype, so that nothing that lists properties meets a throw. */
class Ended {
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
    throw new StreaqError(`Task failed, see its exception instead of its result: ${this.taskId}`, {
      cause: this.#value,
    });
  }

  get exception(): unknown {
    if (!this.success) return this.#value;
    throw new StreaqError(`Task succeeded, see its result instead of its exception: ${this.taskId}`);
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
