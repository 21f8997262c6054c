import type { Duration } from "../../base/duration.ts";
import type { Retry } from "./retry_policy.ts";

/**
 * Options of a task.
 *
 * @example
 * ```ts
 * import { type TaskOptions, Worker } from "@q/streaq";
 *
 * const patient: TaskOptions = { maxTries: 10, retry: true, timeout: "2m", ttl: "1d" };
 *
 * const worker = new Worker();
 * worker.task("notify", async (url: string): Promise<void> => {
 *   await fetch(url, { method: "POST" });
 * }, patient);
 * ```
 */
export interface TaskOptions {
  /**
   * How long the task may be ready before its first start; `null` for no limit. A task that would start later fails
   * without being run.
   *
   * @default {null}
   */
  expire?: Duration | null | undefined;
  /**
   * How long a failure of the task is kept so that the task can be retried with its arguments; `null` for not at all. The
   * worker's `keepFailed` by default.
   */
  keepFailed?: Duration | null | undefined;
  /**
   * How many times the task is started at most; `null` for no limit. In any case it fails after five runs in a row that
   * were cut off with their worker.
   *
   * @default {3}
   */
  maxTries?: number | null | undefined;
  /** The name of the task in Redis, 1 to 200 characters without `:`; the name of the function by default. */
  name?: string | undefined;
  /**
   * Whether and when the task is tried again after an error that is no `StreaqRetry`, a timeout included, while
   * {@linkcode TaskOptions.maxTries} allows it; `null` fails the task at once. That of the worker by default.
   *
   * @default {null}
   */
  retry?: Retry | null | undefined;
  /**
   * Whether to write no log lines about the task's runs.
   *
   * @default {false}
   */
  silent?: boolean | undefined;
  /**
   * How long one run may take; `null` for no limit. After that its signal aborts, and the task fails with `TimeoutError`,
   * unless `retry` has it tried again.
   *
   * @default {null}
   */
  timeout?: Duration | null | undefined;
  /**
   * How long the result is kept: `null` for ever, `0` not at all.
   *
   * @default {"5m"}
   */
  ttl?: Duration | null | undefined;
  /**
   * Whether only one task of this name may run at a time, across all workers of the queue: another one that starts
   * meanwhile fails. Requires a `timeout`.
   *
   * @default {false}
   */
  unique?: boolean | undefined;
  /**
   * `import.meta.url` of the module that registers the task: the function then runs in a thread, which imports the
   * module again. For functions that compute or block.
   */
  thread?: string | undefined;
  /**
   * The version of the function, an integer >= 1. Raise it when the function of the last deployment could not run what
   * this one enqueues: a worker hands a task of a later version than its own over to a worker that has that version, at
   * the cost of no try. It runs a task of an earlier version.
   *
   * @default {1}
   */
  version?: number | undefined;
}

/** Options of a cron job. */
export interface CronOptions extends TaskOptions {
  /**
   * How long after its due time an occurrence may first start; `null` for no limit. An occurrence that would start
   * later fails without being run.
   *
   * @default {null}
   */
  maxScheduleDrift?: Duration | null | undefined;
  /**
   * How long one run may take; `null`, for no limit, requires `unique: false`.
   *
   * @default {"1h"}
   */
  timeout?: Duration | null | undefined;
  /** The IANA time zone of the expression; the worker's by default. */
  timeZone?: string | undefined;
  /**
   * Whether an occurrence fails if it starts while another one is running.
   *
   * @default {true}
   */
  unique?: boolean | undefined;
}
