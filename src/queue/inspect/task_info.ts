import type { TaskStatus } from "./task_status.ts";

/** The stored data of a task that has not finished. */
export interface TaskInfo {
  /** The id of the task. */
  readonly taskId: string;
  /** The name under which it was enqueued. */
  readonly fnName: string;
  /** When the request was sent, in Unix milliseconds by the producer's clock. */
  readonly createdTime: number;
  /** The positional arguments, without those that are piped into the task. */
  readonly args: readonly unknown[];
  /** The named arguments. */
  readonly kwargs: Readonly<Record<string, unknown>>;
  /** The number of runs so far, including the current one. */
  readonly tries: number;
  /** When the task is due; `null` when it does not wait for a time. */
  readonly scheduled: Date | null;
  /** The ids of the tasks that it still waits for, at most 1,000. */
  readonly dependencies: ReadonlySet<string>;
  /** The ids of the tasks that wait for it, at most 1,000. */
  readonly dependents: ReadonlySet<string>;
  /** The status of the task. */
  readonly status: TaskStatus;
}
