import { StreaqError, StreaqRetry } from "../../base/errors.ts";
import type { Execution } from "./execution.ts";

/** The worker shuts down, and its tasks are to stop. */
export class ShutdownError extends StreaqError {}

/** The lease of a run is gone: another worker may run the task now. */
export class LeaseLostError extends StreaqError {}

/** What became of a run. */
export type Outcome =
  | { readonly kind: "done"; readonly value: unknown }
  | { readonly kind: "failed"; readonly error: unknown }
  /** To be tried again: in so many milliseconds, or at a time. */
  | { readonly kind: "retry"; readonly until: number | Date; readonly error: StreaqRetry }
  /** Ended from outside; the result is stored. */
  | { readonly kind: "aborted" }
  /** To be run again by whoever takes it, at the cost of no try. */
  | { readonly kind: "released" }
  /** Somebody else's now. */
  | { readonly kind: "lost" };

/** After so many runs in a row that ended with their worker, a task without `maxTries` is given up. */
const crashLimit = 5;

/** Why a task is not run again; `undefined` when it is. */
export function giveUp({ tries, definition }: Execution, crashes: number): StreaqError | undefined {
  const { fnName, options: { maxTries } } = definition!;
  if (maxTries === null) {
    if (crashes < crashLimit) return undefined;
    return new StreaqError(`Gave up after ${crashes} runs that ended with their worker, task: ${fnName}`);
  }
  return tries > maxTries ? new StreaqError(`Gave up after ${spent(maxTries)} of task: ${fnName}`) : undefined;
}

/** What a throw means depends on whether the function was asked to stop. */
export function interpret(execution: Execution, error: unknown): Outcome {
  const { reason, definition, hasBegun } = execution;
  if (reason instanceof LeaseLostError) return { kind: "lost" };
  if (reason instanceof ShutdownError) {
    // Handed back, it would be started twice.
    return hasBegun && definition!.options.maxTries === 1 ? { kind: "failed", error: reason } : { kind: "released" };
  }
  return isRetry(error) ? retry(execution, error) : { kind: "failed", error };
}

function isRetry(thrown: unknown): thrown is StreaqRetry {
  try {
    return thrown instanceof StreaqRetry;
  } catch {
    // A proxy that was revoked allows not even that.
    return false;
  }
}

function retry({ tries, definition }: Execution, error: StreaqRetry): Outcome {
  const { fnName, options: { maxTries } } = definition!;
  try {
    if (maxTries === null || tries < maxTries) {
      // A subclass, or who has changed it since, may have made of it what the constructor refuses.
      const { schedule, delay } = new StreaqRetry("", { schedule: error.schedule, delay: error.delay });
      return { kind: "retry", error, until: schedule ?? delay ?? tries ** 2 * 1000 };
    }
    const message = `Gave up after ${spent(maxTries)} of task ${fnName}: ${error.message}`;
    return { kind: "failed", error: new StreaqError(message, { cause: error.cause ?? error }) };
  } catch (refusal) {
    return { kind: "failed", error: refusal };
  }
}

function spent(maxTries: number): string {
  return maxTries === 1 ? "1 try, the maxTries" : `${maxTries} tries, the maxTries`;
}
