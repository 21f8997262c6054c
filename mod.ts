/**
 * A distributed task queue on Redis streams: safe, fast and pleasant, the same on Deno, Bun and Node.
 *
 * @example
 * ```ts
 * import { Worker } from "@q/streaq";
 *
 * const worker = new Worker({ redisUrl: "redis://localhost:6379" });
 *
 * const greet = worker.task(async function greet(name: string) {
 *   return await Promise.resolve(`Hello, ${name}!`);
 * });
 *
 * const task = await greet.enqueue("world"); // in one process
 * await worker.run({ burst: true }); // in another
 * console.log((await task.result()).result);
 * await worker.close();
 * ```
 *
 * @module
 */

export { Worker } from "./src/queue/worker.ts";
export type { WorkerOptions } from "./src/queue/worker_options.ts";
export type { Lifespan } from "./src/queue/lifespan.ts";
export type { Counters } from "./src/queue/counters.ts";
export type { CronOptions, TaskOptions } from "./src/queue/task_options.ts";
export type { Registered, RegisteredTask } from "./src/queue/registered_task.ts";
export type { EnqueueRequest } from "./src/queue/request.ts";
export type { StartOptions } from "./src/queue/start_options.ts";
export { Kwargs, kwargs } from "./src/queue/kwargs.ts";
export type { Handler, Middleware } from "./src/queue/middleware.ts";
export { type Piped, spread, type Tuple, tuple, type Unmarked } from "./src/queue/tuple.ts";
export type { TaskEdge, TaskGraph, TaskNode } from "./src/queue/graph.ts";
export { type AbortOptions, type ResultOptions, Task } from "./src/queue/task.ts";
export type { ListOptions, Schedule, SizeOptions } from "./src/queue/tasks.ts";
export type { TaskFailure, TaskResult, TaskResultFields, TaskSuccess } from "./src/queue/result.ts";
export type { TaskInfo } from "./src/queue/info.ts";
export { TaskStatus } from "./src/queue/status.ts";
export { type TaskContext, taskContext, workerContext } from "./src/queue/context.ts";
export type { Serializer } from "./src/queue/serializer.ts";
export { jsonSerializer } from "./src/queue/serializer.ts";
export { type RetryOptions, StreaqCancelled, StreaqError, StreaqRetry, TimeoutError } from "./src/base/errors.ts";
export { type Enqueued, EnqueueError } from "./src/queue/queue.ts";
export type { Activity, Clock, Timer } from "./src/base/clock.ts";
export type { Duration } from "./src/base/duration.ts";
export type { Logger, LogLevel } from "./src/base/log.ts";
