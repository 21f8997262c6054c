import { isRetry, StreaqRetry } from "../../base/errors.ts";
import { describeFailure, type FailureRecord, restoreFailure } from "../records/failure.ts";

/** A thrown value, in a form that survives structured cloning. */
export interface ThrownRecord {
  readonly failure: FailureRecord;
  /** The additional fields of a {@linkcode StreaqRetry}. */
  readonly retry?: RetryFields;
}

type RetryFields = Pick<StreaqRetry, "delay" | "schedule" | "free">;

/** Describes a thrown value. */
export function describeThrown(thrown: unknown): ThrownRecord {
  const failure = describeFailure(thrown);
  if (!isRetry(thrown)) return { failure };
  const { delay, schedule, free } = thrown;
  return { failure, retry: { delay, schedule, free } };
}

/** Restores the error that {@linkcode describeThrown} described. */
export function restoreThrown({ failure, retry }: ThrownRecord): Error {
  const restored = restoreFailure(failure);
  return retry ? restoreRetry(restored, retry) : restored;
}

function restoreRetry(restored: Error, retry: RetryFields): Error {
  const { name, message, stack } = restored;
  try {
    const error = new StreaqRetry(message, { ...retry, ...("cause" in restored ? { cause: restored.cause } : {}) });
    return Object.defineProperties(error, {
      name: { value: name, enumerable: false },
      stack: { value: stack, enumerable: false },
    });
  } catch (error) {
    // An error that only looks like a StreaqRetry may have an invalid delay, which then is the failure.
    return error as Error;
  }
}
