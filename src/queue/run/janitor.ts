import { abortable, delay } from "../../base/async.ts";
import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import type { Membership } from "../../broker/contract/membership.ts";

/** Options of a {@linkcode Janitor}. */
export interface JanitorOptions {
  readonly membership: Membership;
  /** How often to tidy, in milliseconds. */
  readonly interval: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Clears what dead workers leave behind, a bounded part at a time. */
export class Janitor {
  readonly #options: JanitorOptions;

  constructor(options: JanitorOptions) {
    this.#options = options;
  }

  /** Tidies again and again until the signal is aborted. */
  async keep(signal: AbortSignal): Promise<void> {
    const { membership, interval, clock, logger } = this.#options;
    while (!signal.aborted) {
      // Jittered, so that workers that were started together take turns.
      await delay(interval * (0.5 + Math.random()), { clock, signal }).catch(() => {});
      if (signal.aborted) return;
      // The next interval tries again.
      await abortable(membership.tidy(), signal).catch((error) => {
        if (!signal.aborted) logger.warn(`Cannot tidy up after dead workers: ${error}`);
      });
    }
  }
}
