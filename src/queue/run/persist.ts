import { delay } from "../../base/async.ts";
import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";

/** How long to wait between attempts, in milliseconds: doubling from the first to the last, each with full jitter. */
const pause = { first: 50, last: 2000 };

/** What {@linkcode persist} needs. */
export interface PersistOptions {
  /** What is attempted; it stands in the log. */
  readonly what: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** When to stop trying. */
  readonly signal: AbortSignal;
}

/**
 * Repeats an operation until it succeeds. An outage costs a worker time, never its life.
 *
 * @throws The last error, when the signal is aborted meanwhile.
 */
export async function persist<T>(
  operation: () => Promise<T>,
  { what, clock, logger, signal }: PersistOptions,
): Promise<T> {
  for (let attempt = 0;; attempt++) {
    try {
      const answer = await operation();
      if (attempt > 0) logger.info(`${what} works again, after ${attempt} attempts`);
      return answer;
    } catch (error) {
      if (signal.aborted) throw error;
      if (attempt === 0) logger.warn(`${what} failed and is tried again: ${error}`);
      const longest = Math.min(pause.first * 2 ** attempt, pause.last);
      // Told to stop while waiting: once more, then the error above.
      await delay(Math.random() * longest, { clock, signal }).catch(() => {});
    }
  }
}
