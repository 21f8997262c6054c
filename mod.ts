/**
 * A distributed task queue on Redis streams: safe, fast and pleasant, the same on Deno, Bun and Node.
 *
 * @example
 * ```ts
 * import { Worker } from "@q/streaq";
 *
 * const worker = new Worker({ redisUrl: "redis://localhost:6379" });
 *
 * const greet = worker.task("greet", (name: string): string => `Hello, ${name}!`);
 *
 * const task = await greet.enqueue("world"); // In one process.
 * await worker.run({ burst: true }); // In another one.
 * console.log(await task.value()); // Hello, world!
 * await worker.close();
 * ```
 *
 * @module
 */

// Workers
export { Worker } from "./src/queue/worker.ts";
export { QueueClient } from "./src/queue/queue_client.ts";
export type { WorkerOptions } from "./src/queue/options/worker_options.ts";
export type { Lifespan } from "./src/queue/context/lifespan.ts";
export type { Handler, Middleware } from "./src/queue/tasks/middleware.ts";
export type { Counters } from "./src/queue/run/counters.ts";

// Registering and enqueuing tasks
export type { CronOptions, TaskOptions } from "./src/queue/tasks/task_options.ts";
export { type Backoff, backoff, type Retry } from "./src/queue/tasks/retry_policy.ts";
export type { EnqueueRequest, Registered, RegisteredTask } from "./src/queue/enqueue/registered_task.ts";
export type { StartOptions } from "./src/queue/enqueue/start_options.ts";
export type { Task } from "./src/queue/enqueue/task.ts";
export type { Enqueued } from "./src/queue/enqueue/enqueued.ts";
export { EnqueueError } from "./src/queue/enqueue/enqueue_error.ts";
export { checked } from "./src/queue/tasks/checked.ts";
export type { StandardSchemaV1 } from "./src/queue/tasks/standard_schema.ts";
export { type Tuple, tuple } from "./src/queue/tasks/tuple.ts";
export { type Kwargs, kwargs } from "./src/queue/tasks/kwargs.ts";

// Inside a running task
export { taskContext, workerContext } from "./src/queue/context/task_context.ts";
export type { TaskContext } from "./src/queue/context/scope.ts";

// Results, and a look at the queue
export type { TaskFailure, TaskResult, TaskResultFields, TaskSuccess } from "./src/queue/records/task_result.ts";
export type { TaskInfo } from "./src/queue/inspect/task_info.ts";
export { TaskStatus } from "./src/queue/inspect/task_status.ts";
export type { TaskEdge, TaskGraph, TaskNode } from "./src/queue/inspect/task_graph.ts";
export type { Schedule } from "./src/queue/inspect/schedule.ts";
export type { Failure } from "./src/queue/failures/failure.ts";
export type { FailureFilter } from "./src/queue/failures/failure_filter.ts";
export type { ResultOptions } from "./src/queue/inspect/result_options.ts";
export type { AbortOptions } from "./src/queue/inspect/abort_options.ts";
export type { ListOptions } from "./src/queue/inspect/list_options.ts";
export type { SizeOptions } from "./src/queue/inspect/size_options.ts";

// Serializers, errors, time and logs
export type { Serializer } from "./src/queue/records/serializer.ts";
export { jsonSerializer } from "./src/queue/records/json_serializer.ts";
export { encrypted } from "./src/queue/records/encrypted.ts";
export type { EncryptionKey } from "./src/queue/records/encryption_keys.ts";
export {
  type RetryOptions,
  StreaqCancelled,
  StreaqError,
  StreaqRetry,
  TimeoutError,
  ValidationError,
} from "./src/base/errors.ts";
export type { Clock, Timer } from "./src/base/clock.ts";
export type { Duration } from "./src/base/duration.ts";
export type { Logger, LogLevel } from "./src/base/log.ts";
