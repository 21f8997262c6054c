/** What a running task knows of itself. */
export interface TaskContext {
  /** The name that the task was enqueued under. */
  readonly fnName: string;
  /** The task's id. */
  readonly taskId: string;
  /** Which run this is, from 1 on. */
  readonly tries: number;
  /** The task's `timeout` in milliseconds; `null` for none. */
  readonly timeout: number | null;
  /** The task's `ttl` in milliseconds; `null` for ever. */
  readonly ttl: number | null;
  /** Aborted when the task should stop; its `reason` says why. */
  readonly signal: AbortSignal;
}

/** A running task together with the context of the worker that runs it. */
export interface Scope {
  readonly task: TaskContext;
  readonly workerContext: unknown;
  /** Calls a registered function in the thread that the task was given; `undefined` when it was given none. */
  readonly callInThread?: ((module: string, fnName: string, args: readonly unknown[]) => Promise<unknown>) | undefined;
  /** The name of the queue that the task is in. */
  readonly queueName: string;
  /** Whether this is a thread, which has no worker. */
  readonly inThread?: boolean;
}
