import type { Duration } from "../../base/duration.ts";

/** Options for aborting a task. */
export interface AbortOptions {
  /**
   * How long to wait for a Python worker to complete the task; `0` does not wait. Meant for queues that are shared with
   * Python workers, and has no effect yet.
   *
   * @default {"5s"}
   */
  timeout?: Duration | null | undefined;
  /** Stops waiting when it aborts. The task may have been aborted by then. */
  signal?: AbortSignal | undefined;
}
