import { delay } from "./async.ts";
import { backoff, type RetryLimits } from "./backoff.ts";
import type { Clock } from "./clock.ts";

/** Options of {@linkcode retry}. */
export interface RetryLoopOptions {
  readonly clock: Clock;
  /** When aborted, the attempt in progress is the last one. */
  readonly signal?: AbortSignal | undefined;
  /** Shortest and longest pause between two attempts, in milliseconds. */
  readonly pause: RetryLimits;
  /** Whether an error may pass by itself; every error does unless given. */
  readonly isTransient?: ((error: unknown) => boolean) | undefined;
  /** How long after its first failure the operation is attempted again, in milliseconds; for ever unless given. */
  readonly giveUpAfter?: number | undefined;
  /** `false` lets the process exit during a pause. */
  readonly ref?: boolean | undefined;
  /** Called with the first error. */
  readonly onFailure?: ((error: unknown) => void) | undefined;
  /** Called when the operation has succeeded after failures. */
  readonly onRecovery?: ((attempts: number) => void) | undefined;
}

/**
 * Repeats an operation until it succeeds, with growing, jittered pauses.
 *
 * @throws The last error, when it is not transient, the time is over, or the signal is aborted.
 */
export async function retry<T>(operation: () => Promise<T>, options: RetryLoopOptions): Promise<T> {
  const { clock, signal, pause, isTransient, giveUpAfter = Infinity, ref, onFailure, onRecovery } = options;
  let deadline: number | undefined;
  for (let attempt = 0;; attempt++) {
    try {
      const answer = await operation();
      if (attempt > 0) onRecovery?.(attempt);
      return answer;
    } catch (error) {
      if (attempt === 0) onFailure?.(error);
      deadline ??= clock.monotonic() + giveUpAfter;
      if (signal?.aborted || isTransient?.(error) === false || clock.monotonic() > deadline) throw error;
    }
    // An abort ends the pause, and the operation is attempted once more.
    await delay(backoff(attempt, pause), { clock, signal, ref }).catch(() => {});
  }
}
