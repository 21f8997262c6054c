import { delay } from "./async.ts";
import { backoff, type RetryLimits } from "./backoff.ts";
import type { Clock } from "./clock.ts";

/** Options of {@linkcode retry}. */
export interface RetryLoopOptions {
  readonly clock: Clock;
  /** When it is aborted, the attempt in progress is the last one; a pause ends with one more attempt. */
  readonly signal?: AbortSignal | undefined;
  /** Shortest and longest pause between two attempts, in milliseconds. */
  readonly pause: RetryLimits;
  /** Whether the operation may succeed after this error. Every error counts as transient unless given. */
  readonly isTransient?: ((error: unknown) => boolean) | undefined;
  /** How long after its first failure the operation is attempted again, in milliseconds; for ever unless given. */
  readonly giveUpAfter?: number | undefined;
  /** `false` lets the process exit during a pause. */
  readonly ref?: boolean | undefined;
  /** Called with the first error. */
  readonly onFailure?: ((error: unknown) => void) | undefined;
  /** Called when the operation succeeds after failures, with their number. */
  readonly onRecovery?: ((failures: number) => void) | undefined;
}

/**
 * Attempts an operation until it succeeds, with pauses that grow and have jitter.
 *
 * @throws The last error, if it is not transient, `giveUpAfter` has passed, or the signal is aborted.
 */
export async function retry<T>(operation: () => Promise<T>, options: RetryLoopOptions): Promise<T> {
  const { clock, signal, pause, isTransient, giveUpAfter = Infinity, ref, onFailure, onRecovery } = options;
  let deadline: number | undefined;
  for (let attempt = 0;; attempt++) {
    try {
      const result = await operation();
      if (attempt > 0) onRecovery?.(attempt);
      return result;
    } catch (error) {
      if (attempt === 0) onFailure?.(error);
      deadline ??= clock.monotonic() + giveUpAfter;
      if (signal?.aborted || isTransient?.(error) === false || clock.monotonic() > deadline) throw error;
    }
    // An abort ends the pause; the operation is then attempted once more.
    await delay(backoff(attempt, pause), { clock, signal, ref }).catch(() => {});
  }
}
