import type { Inspector } from "../inspect/inspector.ts";
import type { AbortOptions } from "../inspect/abort_options.ts";
import type { ResultOptions } from "../inspect/result_options.ts";
import type { TaskInfo } from "../inspect/task_info.ts";
import type { TaskStatus } from "../inspect/task_status.ts";
import type { TaskResult } from "../records/task_result.ts";
import type { Unmarked } from "../tasks/tuple.ts";
import type { Task } from "./task.ts";

/** The implementation of {@linkcode Task}: the inspector of its queue does the work. */
export class TaskHandle<R> implements Task<R> {
  readonly id: string;
  readonly isNew: boolean;
  readonly #inspector: Inspector;

  constructor(id: string, isNew: boolean, inspector: Inspector) {
    this.id = id;
    this.isNew = isNew;
    this.#inspector = inspector;
  }

  async status(): Promise<TaskStatus> {
    return await this.#inspector.status(this.id);
  }

  async result(options?: ResultOptions): Promise<TaskResult<Unmarked<R>>> {
    return await this.#inspector.result(this.id, options) as TaskResult<Unmarked<R>>;
  }

  async value(options?: ResultOptions): Promise<Unmarked<R>> {
    const { success, result, exception } = await this.result(options);
    if (success) return result;
    throw exception;
  }

  async info(): Promise<TaskInfo | null> {
    return await this.#inspector.info(this.id);
  }

  async unschedule(): Promise<boolean> {
    return await this.#inspector.unschedule(this.id);
  }

  async abort(options?: AbortOptions): Promise<boolean> {
    return await this.#inspector.abort(this.id, options);
  }
}
