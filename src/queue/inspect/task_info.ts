import type { TaskStatus } from "./task_status.ts";

/** What is known of a task that has not ended. */
export interface TaskInfo {
  /** The task's id. */
  readonly taskId: string;
  /** The name that it was enqueued under. */
  readonly fnName: string;
  /** When the request was made, in Unix milliseconds. */
  readonly createdTime: number;
  /** The positional arguments; none yet where they are piped from another task. */
  readonly args: readonly unknown[];
  /** The named arguments. */
  readonly kwargs: Readonly<Record<string, unknown>>;
  /** Runs so far, the one under way included. */
  readonly tries: number;
  /** When it is due; `null` unless it waits for a time. */
  readonly scheduled: Date | null;
  /** Ids of the tasks that it still waits for, at most 1,000. */
  readonly dependencies: ReadonlySet<string>;
  /** Ids of the tasks that wait for it, at most 1,000. */
  readonly dependents: ReadonlySet<string>;
  /** Where it is in its life. */
  readonly status: TaskStatus;
}
