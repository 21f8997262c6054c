/** A failed task that is kept, so that it can be retried. */
export interface Failure {
  /** The id of the task. */
  readonly taskId: string;
  /** The name under which it was enqueued. */
  readonly fnName: string;
  /** The positional arguments, without those that were piped into the task; none when its record cannot be read. */
  readonly args: readonly unknown[];
  /** The named arguments. */
  readonly kwargs: Readonly<Record<string, unknown>>;
  /** The priority of the task. */
  readonly priority: string;
  /** Number of runs, see {@linkcode TaskResult}. */
  readonly tries: number;
  /** When it failed, in Unix milliseconds by the server's clock. */
  readonly failedTime: number;
  /** The worker that ran the task last, or that completed it without running it. */
  readonly workerId: string;
  /** The error that it failed with. */
  readonly exception: Error;
  /** The id of the task that failed first, if this one failed with it; `null` for a task that failed by itself. */
  readonly failedWith: string | null;
}
