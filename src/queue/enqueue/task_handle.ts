import type { FailedTasks } from "../failures/failed_tasks.ts";
import type { Inspector } from "../inspect/inspector.ts";
import type { AbortOptions } from "../inspect/abort_options.ts";
import type { ResultOptions } from "../inspect/result_options.ts";
import type { TaskInfo } from "../inspect/task_info.ts";
import type { TaskStatus } from "../inspect/task_status.ts";
import type { TaskResult } from "../records/task_result.ts";
import type { Unmarked } from "../tasks/tuple.ts";
import type { Task } from "./task.ts";

/** The parts of a queue that its tasks use. */
export interface TaskQueue {
  readonly inspector: Inspector;
  readonly failedTasks: FailedTasks;
}

/** The implementation of {@linkcode Task}: its queue does the work. */
export class TaskHandle<R> implements Task<R> {
  readonly id: string;
  readonly isNew: boolean;
  readonly #queue: TaskQueue;

  constructor(id: string, isNew: boolean, queue: TaskQueue) {
    this.id = id;
    this.isNew = isNew;
    this.#queue = queue;
  }

  async status(): Promise<TaskStatus> {
    return await this.#queue.inspector.status(this.id);
  }

  async result(options?: ResultOptions): Promise<TaskResult<Unmarked<R>>> {
    return await this.#queue.inspector.result(this.id, options) as TaskResult<Unmarked<R>>;
  }

  async value(options?: ResultOptions): Promise<Unmarked<R>> {
    const { success, result, exception } = await this.result(options);
    if (success) return result;
    throw exception;
  }

  async info(): Promise<TaskInfo | null> {
    return await this.#queue.inspector.info(this.id);
  }

  async unschedule(): Promise<boolean> {
    return await this.#queue.inspector.unschedule(this.id);
  }

  async abort(options?: AbortOptions): Promise<boolean> {
    return await this.#queue.inspector.abort(this.id, options);
  }

  async retry(): Promise<boolean> {
    return await this.#queue.failedTasks.retryOne(this.id);
  }
}
