/** The context of a running task, as {@linkcode taskContext} returns it. */
export interface TaskContext {
  /** The name under which the task was enqueued. */
  readonly fnName: string;
  /** The id of the task. */
  readonly taskId: string;
  /** The number of this run, 1 for the first. */
  readonly tries: number;
  /** The task's `timeout` in milliseconds; `null` for none. */
  readonly timeout: number | null;
  /** The task's `ttl` in milliseconds; `null` for ever. */
  readonly ttl: number | null;
  /**
   * Aborts when the task should stop. Its `reason` is a `TimeoutError`, a `StreaqCancelled` after an abort, or a
   * `StreaqError` when the worker shuts down or has lost the lease.
   */
  readonly signal: AbortSignal;
}

/** A running task together with the context of the worker that runs it. */
export interface Scope {
  readonly task: TaskContext;
  readonly workerContext: unknown;
  /** Calls a registered function in the thread of the task; `undefined` when it has none. */
  readonly callInThread?: ((module: string, fnName: string, args: readonly unknown[]) => Promise<unknown>) | undefined;
  /** The name of the task's queue. */
  readonly queueName: string;
  /** Whether the task runs in a thread, which has no worker. */
  readonly inThread?: boolean;
}
