import type { Duration } from "../../base/duration.ts";

/** Options for waiting for a result. */
export interface ResultOptions {
  /**
   * How long to wait; `null` for no limit.
   *
   * @default {null}
   */
  timeout?: Duration | null | undefined;
  /** Stops waiting when it aborts. */
  signal?: AbortSignal | undefined;
}
