import type { ConsumerOptions } from "../contract/consumer.ts";
import type { Delivery, Read, Start } from "../contract/delivery.ts";
import type { Leasing, ReadOptions } from "../contract/leasing.ts";
import { IdleWait } from "./idle_wait.ts";
import type { Leases } from "./leases.ts";
import type { MemoryQueue } from "./memory_queue.ts";

/** Leases and starts tasks of a queue in memory. */
export class MemoryLeasing implements Leasing {
  readonly #queue: MemoryQueue;
  readonly #leases: Leases;
  readonly #options: ConsumerOptions;
  /** The wait in progress. */
  #wait: IdleWait | undefined;

  constructor(queue: MemoryQueue, leases: Leases, options: ConsumerOptions) {
    this.#queue = queue;
    this.#leases = leases;
    this.#options = options;
  }

  async read(count: number, { takeover, inFlight, quarantined }: ReadOptions): Promise<Read> {
    const idleTimeout = this.#queue.liveWorkers.longestTimeout(this.#options.idleTimeout);
    const taken = takeover === "none"
      ? { deliveries: [], unfinished: false, passedOver: false }
      : this.#leases.takeOver(count, { idleTimeout, inFlight, quarantined });
    // Takeovers come first: otherwise a steady flow of new tasks of a high priority would prevent them for ever.
    const deliveries = [...taken.deliveries, ...this.#leases.takeFresh(count - taken.deliveries.length)];
    return await this.#queue.turn.answer({ ...taken, deliveries, broken: [], takeoverIn: null });
  }

  async wait(count: number, ms: number): Promise<Read> {
    const wait = this.#wait = new IdleWait(this.#queue, this.#options.priorities, ms);
    try {
      let deliveries = this.#leases.takeFresh(count);
      while (deliveries.length === 0 && await wait.forTask()) {
        // Tasks that are queued together are leased together.
        await this.#queue.turn.next();
        if (!wait.isOver) deliveries = this.#leases.takeFresh(count);
      }
      return await this.#queue.turn.answer({
        deliveries,
        broken: [],
        unfinished: false,
        passedOver: false,
        takeoverIn: null,
      });
    } finally {
      wait.stop();
      this.#wait = undefined;
    }
  }

  wake(): void {
    this.#wait?.stop();
  }

  async start(deliveries: readonly Delivery[]): Promise<Start[]> {
    return await this.#queue.turn.answer(deliveries.map((delivery) => this.#leases.start(delivery)));
  }

  /** Does nothing: a read from memory returns no broken entries. */
  async discard(): Promise<void> {
    await this.#queue.turn.next();
  }
}
