import type { Payload } from "./payload.ts";

/** A result to be stored. */
export interface NewResult {
  readonly result: Payload;
  /** How long it is kept, in milliseconds; `null` for ever, 0 not at all. */
  readonly ttl: number | null;
}

/** A result to be stored which may be a failure. */
export interface NewFailure extends NewResult {
  /** How long a failure is kept so that its task can be retried, in milliseconds; not at all without it. */
  readonly keep?: number | undefined;
}

/** The cancellation of a task by a caller outside the workers. */
export interface Cancellation extends NewResult {
  readonly taskId: string;
  /** Idempotency key: a repeated call is recognised by it. */
  readonly mark: string;
}

/** Reads and builds records for a broker, which never looks into them. No method throws. */
export interface RecordReader {
  /** Whether a stored result is a success. */
  hasSucceeded(taskId: string, result: Payload): boolean;
  /**
   * Builds the result of a task that fails without a run, because one of its dependencies has failed.
   *
   * @param data The task's record.
   * @param failedId The task that failed first, possibly several levels up the graph.
   */
  failDependent(taskId: string, data: Payload, failedId: string): NewFailure;
}
