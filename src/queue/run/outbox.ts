import { Batch } from "../../base/batch.ts";
import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import type { Completing, Deferral, Misdelivery } from "../../broker/contract/completing.ts";
import type { Delivery } from "../../broker/contract/delivery.ts";
import { persist } from "./persist.ts";

/** How many outcomes go to the broker in one call at most. */
const batchLimit = 500;

/** Options of an {@linkcode Outbox}. */
export interface OutboxOptions {
  readonly completing: Completing;
  readonly clock: Clock;
  readonly logger: Logger;
  /** When to give up on a broker that does not answer: the leases expire, and other workers take over. */
  readonly signal: AbortSignal;
}

/**
 * Stores retries and releases, those of one turn of the event loop in one call, and repeats what failed. Results go through
 * the pump.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  readonly #retrying: Batch<Deferral, boolean | Error>;
  readonly #releasing: Batch<Delivery, void>;
  readonly #handingOver: Batch<Misdelivery, boolean>;
  readonly #pending = new Set<Promise<unknown>>();

  constructor(options: OutboxOptions) {
    const { completing } = options;
    this.#options = options;
    this.#retrying = new Batch(
      (deferrals) => this.#persist("Putting tasks back", () => completing.retry(deferrals)),
      batchLimit,
    );
    this.#handingOver = new Batch(
      (misdeliveries) => this.#persist("Handing tasks over", () => completing.handOver(misdeliveries)),
      batchLimit,
    );
    this.#releasing = new Batch(async (deliveries) => {
      await this.#persist("Releasing tasks", () => completing.release(deliveries));
      return deliveries.map(() => undefined);
    }, batchLimit);
  }

  /**
   * Puts a task back to be tried again later; answers like {@linkcode Completing.retry}.
   *
   * @throws When it was given up.
   */
  retry(deferral: Deferral): Promise<boolean | Error> {
    return this.#track(this.#retrying.add(deferral));
  }

  /**
   * Releases a delivery.
   *
   * @throws When it was given up.
   */
  release(delivery: Delivery): Promise<void> {
    return this.#track(this.#releasing.add(delivery));
  }

  /**
   * Hands a delivery over to a worker that has registered its task.
   *
   * @returns `false` when no other living worker has.
   * @throws When it was given up.
   */
  handOver(misdelivery: Misdelivery): Promise<boolean> {
    return this.#track(this.#handingOver.add(misdelivery));
  }

  /** Resolves when everything is stored, or was given up. */
  async idle(): Promise<void> {
    while (this.#pending.size > 0) await Promise.allSettled(this.#pending);
  }

  #track<T>(stored: Promise<T>): Promise<T> {
    const tracked = stored.finally(() => this.#pending.delete(tracked));
    this.#pending.add(tracked);
    return tracked;
  }

  #persist<T>(what: string, operation: () => Promise<T>): Promise<T> {
    const { clock, logger, signal } = this.#options;
    return persist(operation, { what, clock, logger, signal });
  }
}
