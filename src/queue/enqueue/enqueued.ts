import type { EnqueueRequest } from "./registered_task.ts";
import type { Task } from "./task.ts";

/** The types of the tasks that a list of requests becomes, in order. */
export type Enqueued<T extends readonly EnqueueRequest<unknown>[]> = {
  -readonly [K in keyof T]: T[K] extends EnqueueRequest<infer R> ? Task<R> : never;
};
