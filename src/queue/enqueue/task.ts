import type { AbortOptions } from "../inspect/abort_options.ts";
import type { ResultOptions } from "../inspect/result_options.ts";
import type { TaskInfo } from "../inspect/task_info.ts";
import type { TaskStatus } from "../inspect/task_status.ts";
import type { TaskResult } from "../records/task_result.ts";
import type { Unmarked } from "../tasks/tuple.ts";

/**
 * A task that was enqueued.
 *
 * @example
 * ```ts
 * import { Worker } from "@q/streaq";
 *
 * const worker = new Worker();
 * const double = worker.task("double", (value: number): number => value * 2);
 *
 * const task = await double.enqueue(21);
 * console.log(task.id, await task.status());
 * console.log(await task.value({ timeout: "30s" })); // 42
 * ```
 */
export interface Task<R> {
  /** The task's id, unique in its queue. */
  readonly id: string;
  /**
   * Whether the request has enqueued this task; `false` when a task of this id existed already, or had finished, so that
   * nothing was enqueued.
   */
  readonly isNew: boolean;

  /** Reads the status of the task. */
  status(): Promise<TaskStatus>;

  /**
   * Waits until the task has finished.
   *
   * @returns A success with its `result`, or a failure with its `exception`.
   * @throws {TimeoutError} When `timeout` passes first.
   * @throws {StreaqError} When the task is unknown, or its result is gone.
   */
  result(options?: ResultOptions): Promise<TaskResult<Unmarked<R>>>;

  /**
   * Waits until the task has finished, and returns its value.
   *
   * @throws The exception of the task, when it failed.
   * @throws {TimeoutError} When `timeout` passes first.
   * @throws {StreaqError} When the task is unknown, or its result is gone.
   *
   * @example
   * ```ts
   * import type { Task } from "@q/streaq";
   *
   * async function report(task: Task<number>): Promise<string> {
   *   return `${await task.value({ timeout: "30s" })} words`;
   * }
   * ```
   */
  value(options?: ResultOptions): Promise<Unmarked<R>>;

  /** Reads the stored data of the task; `null` when it is unknown or has finished. */
  info(): Promise<TaskInfo | null>;

  /**
   * Removes the schedule of a repeating task, and withdraws the occurrence that waits. An occurrence that is running
   * continues.
   *
   * @returns `false` when it had no schedule.
   */
  unschedule(): Promise<boolean>;

  /**
   * Completes the task at once, in any state: it fails with `StreaqCancelled`. If it is running, its signal aborts as soon
   * as its worker is notified.
   *
   * @returns `true` when that is its result now; `false` when it had finished before, or is unknown.
   */
  abort(options?: AbortOptions): Promise<boolean>;

  /**
   * Queues the task again after it has failed, with the same arguments, while its failure is kept (`keepFailed`). Its tries
   * begin again, `result()` then waits for the new result, and tasks that failed with it come back, too.
   *
   * @returns `false` when no failure of it is kept, or a task on which it depends has failed.
   */
  retry(): Promise<boolean>;
}
