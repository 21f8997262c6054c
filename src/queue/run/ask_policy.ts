import { type Duration, milliseconds } from "../../base/duration.ts";
import { StreaqError } from "../../base/errors.ts";
import { isInstance } from "../../base/is_instance.ts";
import { describeFailure, isErrorLike, restoreFailure } from "../records/failure.ts";
import type { RetryPolicy } from "../tasks/retry_policy.ts";

/** A run that has failed. */
export interface FailedRun {
  readonly fnName: string;
  /** Number of the run, from 1. */
  readonly tries: number;
  /** The error that its function threw. */
  readonly error: unknown;
}

/**
 * Asks a policy when a task is tried again.
 *
 * @returns In how many milliseconds, or at what time; `null` for never.
 * @throws {StreaqError} When the policy throws, or its answer is none of these; the error of the run is the `cause`.
 */
export function askPolicy(policy: RetryPolicy, { fnName, tries, error }: FailedRun): number | Date | null {
  let answer: unknown;
  try {
    answer = policy(isErrorLike(error) ? error : restoreFailure(describeFailure(error)), tries);
  } catch (thrown) {
    const { name, message } = describeFailure(thrown);
    throw new StreaqError(`Cannot retry task ${fnName}: its option "retry" threw ${name}: ${message}`, {
      cause: error,
    });
  }
  const until = readAnswer(answer);
  if (until !== undefined) return until;
  // A rejection that is not handled would end the process.
  if (isInstance(answer, Promise)) answer.catch(() => {});
  const expected = 'expected a duration, a Date or null from its option "retry"';
  throw new StreaqError(`Cannot retry task ${fnName}: ${expected}, got ${show(answer)}`, { cause: error });
}

/** Returns `undefined` for an answer that is not allowed. */
function readAnswer(answer: unknown): number | Date | null | undefined {
  if (answer === null) return null;
  if (isInstance(answer, Date)) return Number.isFinite(answer.getTime()) ? answer : undefined;
  try {
    return milliseconds(answer as Duration, "retry");
  } catch {
    // The error would not name the task.
    return undefined;
  }
}

function show(answer: unknown): string {
  if (typeof answer === "string") return JSON.stringify(answer.slice(0, 40));
  if (typeof answer !== "object" && typeof answer !== "function") return String(answer);
  if (isInstance(answer, Date)) return "an invalid Date";
  if (isInstance(answer, Promise)) return "a Promise";
  return typeof answer === "object" ? "an object" : "a function";
}
