import type { Duration } from "../../base/duration.ts";

/** How long to wait. */
export interface ResultOptions {
  /**
   * When to stop waiting; `null` for never.
   *
   * @default {null}
   */
  timeout?: Duration | null | undefined;
  /** Stops waiting when it is aborted. */
  signal?: AbortSignal | undefined;
}

/** How to abort a task. */
export interface AbortOptions {
  /**
   * How long to wait for a worker in Python, which ends its tasks itself; `0` does not wait. Ours are ended at once, so
   * without such workers it has no effect.
   *
   * @default {"5s"}
   */
  timeout?: Duration | null | undefined;
  /** Stops waiting when it is aborted; the task may be aborted all the same. */
  signal?: AbortSignal | undefined;
}
