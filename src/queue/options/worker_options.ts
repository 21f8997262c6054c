import type { Clock } from "../../base/clock.ts";
import type { Duration } from "../../base/duration.ts";
import type { Logger } from "../../base/log.ts";
import type { ClientOptions, RedisClient } from "../../redis/mod.ts";
import type { Lifespan } from "../context/lifespan.ts";
import type { Serializer } from "../records/serializer.ts";
import type { Retry } from "../tasks/retry_policy.ts";

/**
 * Options of a worker; all of them have defaults.
 *
 * @example
 * ```ts
 * import { Worker, type WorkerOptions } from "@q/streaq";
 *
 * const options: WorkerOptions<undefined> = {
 *   redisUrl: "rediss://redis.example.org",
 *   queueName: "mail",
 *   priorities: ["low", "high"],
 *   concurrency: 32,
 *   gracePeriod: "8s",
 * };
 * const worker = new Worker(options);
 * ```
 */
export interface WorkerOptions<C> {
  /**
   * The URL of Redis: `redis://`, `rediss://` (TLS) or `unix://`, with `user:password@` and `/database`.
   *
   * `memory://` or `memory://name` needs no server: all workers of this process with the same URL and `queueName` share
   * a queue in its memory, for development and tests. That queue is gone when the process exits. It holds at most
   * 2,000,000 tasks that have not finished, and 1 GiB of records, inputs and results; when it is full, enqueuing
   * rejects.
   *
   * @default {"redis://localhost:6379"}
   */
  redisUrl?: string | undefined;
  /** Options of the client, such as credentials, TLS and timeouts; not with `memory://`. */
  redisOptions?: ClientOptions | undefined;
  /** An existing client to use instead of `redisUrl` and `redisOptions`. Several workers may share it; closing a worker does not close it. */
  redis?: RedisClient | undefined;
  /**
   * The name of the queue: 1 to 200 characters without `:`.
   *
   * @default {"default"}
   */
  queueName?: string | undefined;
  /**
   * How many tasks run at once in this process.
   *
   * @default {16}
   */
  concurrency?: number | undefined;
  /** How many of those run in threads at most; as many as `concurrency` by default. */
  threadConcurrency?: number | undefined;
  /** How many tasks are read ahead at most, 0 for none; as many as `concurrency` by default. */
  prefetch?: number | undefined;
  /**
   * The priorities of the queue, from lowest to highest: names like `queueName`, the same in every process of the
   * queue.
   *
   * @default {["normal"]}
   */
  priorities?: readonly string[] | undefined;
  /** Opens what tasks need, yields it as the worker's context, and closes it when the run has finished. */
  lifespan?: Lifespan<C> | undefined;
  /**
   * The option `retry` of the tasks and cron jobs that are registered with this worker, unless they have their own.
   *
   * @default {null}
   */
  retry?: Retry | null | undefined;
  /**
   * Turns arguments and results into stored records and back; the same in every process of the queue.
   *
   * @default {jsonSerializer}
   */
  serializer?: Serializer | undefined;
  /**
   * Signs every record with HMAC-SHA-256, and refuses records that are not signed. In a list, the first secret signs
   * and all of them verify, so that a secret can be replaced. Without one, records are not signed.
   */
  signingSecret?: string | readonly string[] | undefined;
  /**
   * The largest record of a task or a result, in bytes.
   *
   * @default {1048576}
   */
  maxPayload?: number | undefined;
  /**
   * The IANA time zone of cron expressions.
   *
   * @default {"UTC"}
   */
  timeZone?: string | undefined;
  /**
   * Whether SIGINT and SIGTERM shut the worker down gracefully while it runs.
   *
   * @default {true}
   */
  handleSignals?: boolean | undefined;
  /**
   * How long a worker may go without a heartbeat before its tasks are taken over, at least 100 ms.
   *
   * @default {"60s"}
   */
  idleTimeout?: Duration | undefined;
  /**
   * How long running tasks may continue after a shutdown was requested; `0` aborts them at once.
   *
   * @default {"8s"}
   */
  gracePeriod?: Duration | undefined;
  /**
   * How long failures are kept so that their tasks can be retried, at most the newest 10,000; `null` for not at all. A task
   * may have its own.
   *
   * @default {"7d"}
   */
  keepFailed?: Duration | null | undefined;
  /** The worker's id in results and logs, a name like `queueName`; 8 random hex digits by default. */
  id?: string | undefined;
  /** Receives log lines; the console by default. */
  logger?: Logger | undefined;
  /** A `TestClock` of `@q/streaq/testing`, with `memory://` only; the clock of the machine by default. */
  clock?: Clock | undefined;
}
