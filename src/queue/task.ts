import type { Duration } from "../base/duration.ts";
import type { TaskInfo } from "./info.ts";
import type { Queue } from "./queue.ts";
import type { TaskResult } from "./result.ts";
import type { TaskStatus } from "./status.ts";

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

/** A task that was enqueued. */
export class Task<R> {
  /** The task's id, unique in its queue. */
  readonly id: string;
  readonly #queue: Queue;

  /** Made by awaiting an {@linkcode EnqueueRequest}. */
  constructor(id: string, queue: Queue) {
    this.id = id;
    this.#queue = queue;
  }

  /** Where the task is in its life. */
  async status(): Promise<TaskStatus> {
    return await this.#queue.status(this.id);
  }

  /**
   * Waits for the task's end.
   *
   * @returns A success with its `result`, or a failure with its `exception`.
   * @throws {TimeoutError} When `timeout` passes first.
   * @throws {StreaqError} When the task is unknown, or its result is gone.
   */
  async result(options?: ResultOptions): Promise<TaskResult<R>> {
    return await this.#queue.result(this.id, options) as TaskResult<R>;
  }

  /** What is known of the task; `null` when it is unknown or has ended. */
  async info(): Promise<TaskInfo | null> {
    return await this.#queue.info(this.id);
  }
}
