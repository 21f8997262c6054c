import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import { retry } from "../../base/retry.ts";

/** Options of {@linkcode persist}. */
export interface PersistOptions {
  /** The operation's name in the log, like "Storing results". */
  readonly what: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** When to stop. */
  readonly signal: AbortSignal;
}

/** Shortest and longest pause between two attempts, in milliseconds. */
const pause = { min: 50, max: 2000 };

/**
 * Repeats an operation until it succeeds: an outage costs a worker time, never its life.
 *
 * @throws The last error, when the signal is aborted.
 */
export async function persist<T>(
  operation: () => Promise<T>,
  { what, clock, logger, signal }: PersistOptions,
): Promise<T> {
  return await retry(operation, {
    clock,
    signal,
    pause,
    onFailure: (error) => signal.aborted || logger.warn(`${what} failed and will be retried: ${error}`),
    onRecovery: (attempts) => logger.info(`${what} works again after ${attempts} failed attempts`),
  });
}
