import { isRetry, StreaqError, StreaqRetry } from "../../base/errors.ts";
import { isInstance } from "../../base/is_instance.ts";
import { isErrorLike } from "../records/failure.ts";
import { ThreadRefusal } from "../threads/thread_refusal.ts";
import { askPolicy } from "./ask_policy.ts";
import type { Execution } from "./execution.ts";

/** The worker shuts down, and its tasks are to stop. */
export class ShutdownError extends StreaqError {}

/** The lease of a run is lost: another worker may run the task now. */
export class LeaseLostError extends StreaqError {}

/** Outcome of a run. */
export type Outcome =
  | { readonly kind: "done"; readonly value: unknown }
  /** `note` replaces `failed` in the log line. */
  | { readonly kind: "failed"; readonly error: unknown; readonly note?: string }
  /** To be tried again: in `until` milliseconds, or at that time. A free try is not spent. */
  | { readonly kind: "retry"; readonly until: number | Date; readonly error: unknown; readonly isFree: boolean }
  /** Aborted from outside; the result is stored. */
  | { readonly kind: "aborted" }
  /** Released for any worker, at the cost of no try. */
  | { readonly kind: "released" }
  /** Taken over by another worker. */
  | { readonly kind: "lost" };

/** Calls user code in the scope of the run. */
export type CallInScope = <T>(fn: () => T) => T;

/**
 * Interprets a thrown value. What it means depends on whether the function was asked to stop. A policy is asked about the
 * error of a function that was called, and never twice about one run.
 */
export function interpret(execution: Execution, error: unknown, call: CallInScope): Outcome {
  const { reason, definition, hasRun, state, until } = execution;
  if (state === "overdue") return { kind: "retry", until: until!, error: reason, isFree: false };
  if (reason instanceof LeaseLostError) return { kind: "lost" };
  if (reason instanceof ShutdownError) {
    // Released, it would be started a second time.
    return hasRun && definition!.options.maxTries === 1 ? { kind: "failed", error: reason } : { kind: "released" };
  }
  if (isRetry(error)) return retry(execution, error);
  return state === "running" ? decide(execution, error, call) : { kind: "failed", error };
}

/** A number of tries, for people. */
export function showTries(tries: number): string {
  return tries === 1 ? "1 try" : `${tries} tries`;
}

function retry({ tries, definition }: Execution, error: StreaqRetry): Outcome {
  const { fnName, options: { maxTries } } = definition!;
  try {
    if (error.free || maxTries === null || tries < maxTries) {
      // A subclass, or code that changed it since, may hold values that the constructor refuses.
      const { schedule, delay, free } = new StreaqRetry("", {
        schedule: error.schedule,
        delay: error.delay,
        free: error.free,
      });
      return { kind: "retry", error, until: schedule ?? delay ?? tries ** 2 * 1000, isFree: free };
    }
    const { cause } = error;
    if (isErrorLike(cause)) return { kind: "failed", error: cause };
    const message = `Task ${fnName} was given up after ${showTries(maxTries)}: ${error.message}`;
    return { kind: "failed", error: new StreaqError(message, { cause: cause ?? error }) };
  } catch (refusal) {
    return { kind: "failed", error: refusal };
  }
}

/** Decides by the policy of the task, if it has one, whether a run that has failed is followed by another try. */
function decide(execution: Execution, error: unknown, call: CallInScope): Outcome {
  const { tries, definition } = execution;
  const { fnName, options: { maxTries, retry: policy } } = definition!;
  if (!policy || isInstance(error, ThreadRefusal)) return { kind: "failed", error };
  if (maxTries !== null && tries >= maxTries) {
    return { kind: "failed", error, note: `was given up after ${showTries(tries)}` };
  }
  try {
    const until = call(() => askPolicy(policy, { fnName, tries, error }));
    return until === null ? { kind: "failed", error } : { kind: "retry", until, error, isFree: false };
  } catch (refusal) {
    return { kind: "failed", error: refusal };
  }
}
