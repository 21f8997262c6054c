import { abortable, Notice } from "../../base/async.ts";
import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import type { Consumer, Delivery, Renewal, WorkerStatus } from "../../broker/contract/consumer.ts";
import type { Held } from "./held.ts";
import type { UniqueLocks } from "./unique_locks.ts";

/** What a {@linkcode Keeper} needs of its worker. */
export interface KeeperOptions {
  readonly consumer: Consumer;
  readonly held: Held;
  readonly locks: UniqueLocks;
  readonly idleTimeout: number;
  readonly life: () => WorkerStatus;
  /** Called when tasks are in the hands of other workers, while this one holds none: their leases may run out. */
  readonly onPending: () => void;
  /** Called for each delivery that now belongs to somebody else. */
  readonly onLost: (delivery: Delivery) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** How often in a row a worker that holds nothing says no more than that it lives. */
const quietBeats = 19;
/** How long to wait after a failure at most, in milliseconds. */
const afterFailure = 1000;

/** Renews the leases and locks of all that is held, and says that the worker is alive. */
export class Keeper {
  readonly #options: KeeperOptions;
  readonly #asked = new Notice();
  /** The largest idle timeout of the living, when it was not this worker's. */
  #foreignTimeout: number | undefined;
  #beats = 0;

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  /** Joins the queue. From then on it is known what may be taken over. */
  async begin(signal: AbortSignal): Promise<void> {
    const { consumer, life } = this.#options;
    this.#compare(await abortable(consumer.join(life(), { signal }), signal));
  }

  /** Renews now instead of at the next time: what is held may be lost already. */
  renewSoon(): void {
    this.#beats = quietBeats;
    this.#asked.notify();
  }

  /** Keeps on until told to stop. */
  async keep(signal: AbortSignal): Promise<void> {
    const { held, idleTimeout, clock, logger } = this.#options;
    let failed = false;
    while (!signal.aborted) {
      // A task that comes within the pause has a fresh lease, so half of the timeout is soon enough for it too.
      const pause = failed ? Math.min(idleTimeout / 3, afterFailure) : idleTimeout / (held.isEmpty ? 2 : 3);
      await this.#asked.waitAtMost(pause, { clock, signal });
      if (signal.aborted) return;
      try {
        await abortable(held.isEmpty && this.#beats < quietBeats ? this.#beat() : this.#renew(), signal);
        failed = false;
      } catch (error) {
        if (signal.aborted) return;
        if (!failed) logger.warn(`Renewing leases failed and is tried again: ${error}`);
        failed = true;
      }
    }
  }

  async #beat(): Promise<void> {
    const { consumer, life, onPending } = this.#options;
    this.#beats++;
    const pending = await consumer.beat(life());
    if (pending === null) return await this.#renew();
    if (pending > 0) onPending();
  }

  async #renew(): Promise<void> {
    const { consumer, held, locks, life, onLost } = this.#options;
    this.#beats = 0;
    const [renewal] = await Promise.all([consumer.renew([...held.leased], life()), locks.extend()]);
    for (const delivery of renewal.lost) onLost(delivery);
    this.#compare(renewal);
  }

  #compare({ idleTimeout: largest }: Renewal): void {
    const { idleTimeout, logger } = this.#options;
    if (largest === idleTimeout || largest === this.#foreignTimeout) return;
    this.#foreignTimeout = largest;
    logger.warn(
      `Workers of this queue differ in idleTimeout, the largest counts: ${largest} ms, not ${idleTimeout} ms`,
    );
  }
}
