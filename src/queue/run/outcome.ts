import { isRetry, StreaqError, StreaqRetry } from "../../base/errors.ts";
import { isErrorLike } from "../records/failure.ts";
import type { Execution } from "./execution.ts";

/** The worker shuts down, and its tasks are to stop. */
export class ShutdownError extends StreaqError {}

/** The lease of a run is lost: another worker may run the task now. */
export class LeaseLostError extends StreaqError {}

/** Outcome of a run. */
export type Outcome =
  | { readonly kind: "done"; readonly value: unknown }
  | { readonly kind: "failed"; readonly error: unknown }
  /** To be tried again: in `until` milliseconds, or at that time. */
  | { readonly kind: "retry"; readonly until: number | Date; readonly error: StreaqRetry }
  /** Aborted from outside; the result is stored. */
  | { readonly kind: "aborted" }
  /** Released for any worker, at the cost of no try. */
  | { readonly kind: "released" }
  /** Taken over by another worker. */
  | { readonly kind: "lost" };

/** Interprets a thrown value. What it means depends on whether the function was asked to stop. */
export function interpret(execution: Execution, error: unknown): Outcome {
  const { reason, definition, hasRun } = execution;
  if (reason instanceof LeaseLostError) return { kind: "lost" };
  if (reason instanceof ShutdownError) {
    // Released, it would be started a second time.
    return hasRun && definition!.options.maxTries === 1 ? { kind: "failed", error: reason } : { kind: "released" };
  }
  return isRetry(error) ? retry(execution, error) : { kind: "failed", error };
}

/** A number of tries, for people. */
export function showTries(tries: number): string {
  return tries === 1 ? "1 try" : `${tries} tries`;
}

function retry({ tries, definition }: Execution, error: StreaqRetry): Outcome {
  const { fnName, options: { maxTries } } = definition!;
  try {
    if (maxTries === null || tries < maxTries) {
      // A subclass, or code that changed it since, may hold values that the constructor refuses.
      const { schedule, delay } = new StreaqRetry("", { schedule: error.schedule, delay: error.delay });
      return { kind: "retry", error, until: schedule ?? delay ?? tries ** 2 * 1000 };
    }
    const { cause } = error;
    if (isErrorLike(cause)) return { kind: "failed", error: cause };
    const message = `Task ${fnName} was given up after ${showTries(maxTries)}: ${error.message}`;
    return { kind: "failed", error: new StreaqError(message, { cause: cause ?? error }) };
  } catch (refusal) {
    return { kind: "failed", error: refusal };
  }
}
