import { StreaqRetry } from "../../base/errors.ts";
import { describeFailure, type FailureRecord, restoreFailure } from "../records/failure.ts";

/** Whatever a function threw, in a form that structured cloning takes. */
export interface ThrownRecord {
  readonly failure: FailureRecord;
  /** What a {@linkcode StreaqRetry} holds beside. */
  readonly retry?: RetryFields;
}

type RetryFields = Pick<StreaqRetry, "delay" | "schedule">;

/** Describes whatever was thrown. */
export function describeThrown(thrown: unknown): ThrownRecord {
  const failure = describeFailure(thrown);
  if (!isRetry(thrown, failure)) return { failure };
  const { delay, schedule } = thrown;
  return { failure, retry: { delay, schedule } };
}

/** Makes the error again that {@linkcode describeThrown} described. */
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
    // Only what looks like a retry has a delay that is none; what is wrong with it is the failure then.
    return error as Error;
  }
}

/** By name, too: the module may have a copy of the library of its own. */
function isRetry(thrown: unknown, { name }: FailureRecord): thrown is StreaqRetry {
  return thrown instanceof StreaqRetry || (thrown instanceof Error && name === "StreaqRetry");
}
