import type { EnqueueRequest } from "./request.ts";
import type { TaskOptions } from "../tasks/task_options.ts";
import type { Worker } from "../worker.ts";

/** A function that a worker knows as a task: call it to run it here and now, or enqueue it. */
export interface RegisteredTask<A extends unknown[], R> {
  (...args: A): Promise<R>;
  /** The name that it is enqueued under. */
  readonly fnName: string;
  /** The worker that it is registered with. */
  readonly worker: Worker<unknown>;
  /** The options that it was registered with. */
  readonly options: Readonly<TaskOptions>;
  /** Makes a request to run it in a worker; it is sent when it is awaited. */
  enqueue(...args: A): EnqueueRequest<R>;
}

/** What registering `F` gives. A class gives `never`. */
export type Registered<F> = F extends (...args: infer A) => infer R ? RegisteredTask<A, Awaited<R>> : never;
