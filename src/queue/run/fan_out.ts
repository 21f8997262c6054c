import { abortable, Notice } from "../../base/async.ts";
import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import type { Consumer } from "../../broker/contract/consumer.ts";
import { persist } from "./persist.ts";

/** What a {@linkcode FanOut} needs of its worker. */
export interface FanOutOptions {
  readonly consumer: Consumer;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Tells those that wait for tasks when these have ended, where there were too many to do so in the same step, or where
 * they are to fail.
 */
export class FanOut {
  readonly #options: FanOutOptions;
  readonly #changed = new Notice();
  /** Another worker may have left some. */
  #isListed = true;
  #told = 0;
  #telling: Promise<void> | undefined;

  constructor(options: FanOutOptions) {
    this.#options = options;
  }

  /** How many tasks were told so far. */
  get told(): number {
    return this.#told;
  }

  /** Says that there are tasks to be told. */
  listed(): void {
    this.#isListed = true;
    this.#changed.notify();
  }

  /** Keeps on until told to stop. */
  async keep(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await abortable(this.#isListed ? this.tell(signal) : this.#changed.wait(), signal).catch(() => {});
    }
  }

  /**
   * Tells all that are there now. Who asks while that is under way waits for its end.
   *
   * @throws When told to stop meanwhile.
   */
  async tell(signal: AbortSignal): Promise<void> {
    do {
      await (this.#telling ??= this.#tell(signal).finally(() => this.#telling = undefined));
    } while (this.#isListed && !signal.aborted);
  }

  async #tell(signal: AbortSignal): Promise<void> {
    const { consumer, clock, logger } = this.#options;
    const what = "Telling dependents of tasks that have ended";
    while (this.#isListed && !signal.aborted) {
      // Whatever is said meanwhile is not covered.
      this.#isListed = false;
      const answer = await persist(() => consumer.fanOut(), { what, clock, logger, signal });
      const { released, failed, unfinished } = answer;
      this.#told += released + failed;
      if (failed > 0) logger.warn(`task × ${failed} failed with those that they depend on`);
      if (unfinished) this.#isListed = true;
    }
  }
}
