import { delay } from "../../base/async.ts";
import type { Clock } from "../../base/clock.ts";
import { adviceFor, ConnectionError } from "../../redis/mod.ts";

/** For how long after its first failure an operation is repeated, in milliseconds. */
const patience = 10_000;
/** How long to wait before the first repetition at most, and before the later ones, in milliseconds; each with full jitter. */
const pause = { first: 50, last: 1000 };

/**
 * Repeats an operation that may be repeated, as long as its error is one that passes by itself.
 *
 * @throws The error, when it is another one, or has not passed within 10 seconds.
 */
export async function repeat<T>(
  operation: () => Promise<T>,
  { clock, signal }: { clock: Clock; signal?: AbortSignal | undefined },
): Promise<T> {
  let giveUpTime: number | undefined;
  for (let longest = pause.first;; longest = Math.min(2 * longest, pause.last)) {
    try {
      return await operation();
    } catch (error) {
      giveUpTime ??= clock.monotonic() + patience;
      // The client has waited for a connection already.
      const isUnreachable = error instanceof ConnectionError && error.code === "UNREACHABLE";
      if (isUnreachable || adviceFor(error) !== "retry" || clock.monotonic() > giveUpTime) throw error;
    }
    await delay(longest * Math.random(), { clock, signal });
  }
}
