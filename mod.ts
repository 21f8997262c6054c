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
export type { WorkerOptions } from "./src/queue/options/worker_options.ts";
export type { Lifespan } from "./src/queue/context/lifespan.ts";
export type { Counters } from "./src/queue/run/counters.ts";
export type { CronOptions, TaskOptions } from "./src/queue/tasks/task_options.ts";
export type { EnqueueRequest, Registered, RegisteredTask } from "./src/queue/enqueue/registered_task.ts";
export type { StartOptions } from "./src/queue/enqueue/start_options.ts";
export { Kwargs, kwargs } from "./src/queue/tasks/kwargs.ts";
export type { Handler, Middleware } from "./src/queue/tasks/middleware.ts";
export { type Piped, spread, type Tuple, tuple, type Unmarked } from "./src/queue/tasks/tuple.ts";
export type { TaskEdge, TaskGraph, TaskNode } from "./src/queue/inspect/graph.ts";
export type { Task } from "./src/queue/enqueue/task.ts";
export type { AbortOptions, ResultOptions } from "./src/queue/inspect/wait_options.ts";
export type { ListOptions, Schedule, SizeOptions } from "./src/queue/inspect/inspector.ts";
export type { TaskFailure, TaskResult, TaskResultFields, TaskSuccess } from "./src/queue/records/task_result.ts";
export type { TaskInfo } from "./src/queue/inspect/task_info.ts";
export { TaskStatus } from "./src/queue/inspect/task_status.ts";
export { taskContext, workerContext } from "./src/queue/context/task_context.ts";
export type { TaskContext } from "./src/queue/context/scope.ts";
export type { Serializer } from "./src/queue/records/serializer.ts";
export { jsonSerializer } from "./src/queue/records/json_serializer.ts";
export { type RetryOptions, StreaqCancelled, StreaqError, StreaqRetry, TimeoutError } from "./src/base/errors.ts";
export { type Enqueued, EnqueueError } from "./src/queue/enqueue/producer.ts";
export type { Activity, Clock, Timer } from "./src/base/clock.ts";
export type { Duration } from "./src/base/duration.ts";
export type { Logger, LogLevel } from "./src/base/log.ts";
