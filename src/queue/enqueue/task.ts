import type { Duration } from "../../base/duration.ts";
import type { TaskInfo } from "../inspect/task_info.ts";
import type { TaskResult } from "../records/task_result.ts";
import type { TaskStatus } from "../inspect/task_status.ts";
import type { Inspector } from "../inspect/inspector.ts";
import type { Unmarked } from "../tasks/tuple.ts";

/** How long to wait. */
export interface ResultOptions {
  /**
   * When to stop waiting; `null` for never.
   *
   * @default {null}
   */
  timeout?: Duration | null | undefined;
  /** Stops waiting when it is aborted. */
  signal?: AbortSignal | undefined;
}

/** How to abort a task. */
export interface AbortOptions {
  /**
   * How long to wait for a worker in Python, which ends its tasks itself; `0` does not wait. Ours are ended at once, so
   * without such workers it has no effect.
   *
   * @default {"5s"}
   */
  timeout?: Duration | null | undefined;
  /** Stops waiting when it is aborted; the task may be aborted all the same. */
  signal?: AbortSignal | undefined;
}

/** A task that was enqueued. */
export class Task<R> {
  /** The task's id, unique in its queue. */
  readonly id: string;
  readonly #tasks: Inspector;

  /** Made by awaiting an {@linkcode EnqueueRequest}. */
  constructor(id: string, tasks: Inspector) {
    this.id = id;
    this.#tasks = tasks;
  }

  /** Where the task is in its life. */
  async status(): Promise<TaskStatus> {
    return await this.#tasks.status(this.id);
  }

  /**
   * Waits for the task's end.
   *
   * @returns A success with its `result`, or a failure with its `exception`.
   * @throws {TimeoutError} When `timeout` passes first.
   * @throws {StreaqError} When the task is unknown, or its result is gone.
   */
  async result(options?: ResultOptions): Promise<TaskResult<Unmarked<R>>> {
    return await this.#tasks.result(this.id, options) as TaskResult<Unmarked<R>>;
  }

  /** What is known of the task; `null` when it is unknown or has ended. */
  async info(): Promise<TaskInfo | null> {
    return await this.#tasks.info(this.id);
  }

  /**
   * Lets the task repeat no more, and takes back the occurrence that waits. One that runs goes on.
   *
   * @returns `false` when it did not repeat.
   */
  async unschedule(): Promise<boolean> {
    return await this.#tasks.unschedule(this.id);
  }

  /**
   * Ends the task there and then, wherever it is: it fails with `StreaqCancelled`. If it runs, its signal is aborted as
   * soon as its worker hears of it.
   *
   * @returns `true` when that is its result now; `false` when it had ended before, or is unknown.
   */
  async abort(options?: AbortOptions): Promise<boolean> {
    return await this.#tasks.abort(this.id, options);
  }
}
