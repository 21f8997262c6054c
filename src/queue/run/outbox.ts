import { Batch } from "../../base/batch.ts";
import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import type { Consumer, Deferral, Delivery, Completion } from "../../broker/contract/consumer.ts";
import { persist } from "./persist.ts";

/** How many ends go to the store in one call at most. */
const batchLimit = 500;

/** What a {@linkcode Outbox} needs of its worker. */
export interface OutboxOptions {
  readonly consumer: Consumer;
  /** Called when a delivery is held no longer. */
  readonly onWritten: (delivery: Delivery) => void;
  readonly clock: Clock;
  readonly logger: Logger;
  /** When to give up on a store that does not answer: the leases run out, and others take over. */
  readonly signal: AbortSignal;
}

/** Writes results, retries and hand-backs, those of one turn of the event loop in one call, and repeats what failed. */
export class Outbox {
  readonly #options: OutboxOptions;
  readonly #finishing: Batch<Completion, boolean | Error>;
  readonly #retrying: Batch<Deferral, boolean | Error>;
  readonly #releasing: Batch<Delivery, void>;
  readonly #pending = new Set<Promise<unknown>>();

  constructor(options: OutboxOptions) {
    const { consumer } = options;
    this.#options = options;
    this.#finishing = new Batch(
      (endings) => this.#persist("Storing results", () => consumer.finish(endings)),
      batchLimit,
    );
    this.#retrying = new Batch(
      (deferrals) => this.#persist("Putting tasks back", () => consumer.retry(deferrals)),
      batchLimit,
    );
    this.#releasing = new Batch(async (deliveries) => {
      await this.#persist("Handing tasks back", () => consumer.release(deliveries));
      return deliveries.map(() => undefined);
    }, batchLimit);
  }

  /**
   * Stores a result.
   *
   * @returns `false` when somebody else ended the task, or holds it; an error when the store refuses it for good.
   * @throws When it was given up.
   */
  finish(ending: Completion): Promise<boolean | Error> {
    return this.#track(ending.delivery, this.#finishing.add(ending));
  }

  /** Puts a task back to be tried again later; answers and throws like {@linkcode Outbox.finish}. */
  retry(deferral: Deferral): Promise<boolean | Error> {
    return this.#track(deferral.delivery, this.#retrying.add(deferral));
  }

  /**
   * Hands a delivery back.
   *
   * @throws When it was given up.
   */
  release(delivery: Delivery): Promise<void> {
    return this.#track(delivery, this.#releasing.add(delivery));
  }

  /** Resolves when nothing is on its way to the store. */
  async idle(): Promise<void> {
    while (this.#pending.size > 0) await Promise.allSettled(this.#pending);
  }

  #track<T>(delivery: Delivery, stored: Promise<T>): Promise<T> {
    const tracked = stored.finally(() => {
      this.#pending.delete(tracked);
      this.#options.onWritten(delivery);
    });
    this.#pending.add(tracked);
    return tracked;
  }

  #persist<T>(what: string, operation: () => Promise<T>): Promise<T> {
    const { clock, logger, signal } = this.#options;
    return persist(operation, { what, clock, logger, signal });
  }
}
