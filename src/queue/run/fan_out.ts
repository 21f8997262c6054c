import { abortable, Notice } from "../../base/async.ts";
import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import type { Completing } from "../../broker/contract/completing.ts";
import { persist } from "./persist.ts";

/** Options of a {@linkcode FanOut}. */
export interface FanOutOptions {
  readonly completing: Completing;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Releases or fails the dependents of finished tasks, where there were too many to do so in the finishing step, or where
 * they fail with their dependency.
 */
export class FanOut {
  readonly #options: FanOutOptions;
  readonly #changed = new Notice();
  /** Whether there may be dependents to handle; another worker may have left some. */
  #isListed = true;
  #handled = 0;
  #working: Promise<void> | undefined;

  constructor(options: FanOutOptions) {
    this.#options = options;
  }

  /** Number of dependents handled so far. */
  get handled(): number {
    return this.#handled;
  }

  /** Notifies it that there are dependents to handle. */
  listed(): void {
    this.#isListed = true;
    this.#changed.notify();
  }

  /** Handles dependents until the signal is aborted. */
  async keep(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await abortable(this.#isListed ? this.work(signal) : this.#changed.wait(), signal).catch(() => {});
    }
  }

  /**
   * Handles all that are listed now. Overlapping calls share the work.
   *
   * @throws When the signal is aborted meanwhile.
   */
  async work(signal: AbortSignal): Promise<void> {
    do {
      await (this.#working ??= this.#work(signal).finally(() => this.#working = undefined));
    } while (this.#isListed && !signal.aborted);
  }

  async #work(signal: AbortSignal): Promise<void> {
    const { completing, clock, logger } = this.#options;
    const what = "Notifying dependents of finished tasks";
    while (this.#isListed && !signal.aborted) {
      // A notification that comes meanwhile is not covered by this call.
      this.#isListed = false;
      const { released, failed, unfinished } = await persist(() => completing.fanOut(), {
        what,
        clock,
        logger,
        signal,
      });
      this.#handled += released + failed;
      if (failed > 0) logger.warn(`task × ${failed} failed with their dependencies`);
      if (unfinished) this.#isListed = true;
    }
  }
}
