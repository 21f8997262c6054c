import type { ConsumerOptions } from "../contract/consumer.ts";
import type { Delivery, Read, Start } from "../contract/delivery.ts";
import type { Leasing, ReadOptions } from "../contract/leasing.ts";
import { IdleWait } from "./idle_wait.ts";
import type { Leases } from "./leases.ts";
import type { MemoryQueue } from "./memory_queue.ts";

/** Leases tasks of a queue in memory. */
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
    // Old tasks come first, or work of a high priority would keep them from ever being taken over.
    const deliveries = [...taken.deliveries, ...this.#leases.takeFresh(count - taken.deliveries.length)];
    return await this.#queue.turn.answer({ ...taken, deliveries, broken: [], takeoverIn: null });
  }

  async wait(count: number, ms: number): Promise<Read> {
    const wait = this.#wait = new IdleWait(this.#queue, this.#options.priorities, ms);
    try {
      let deliveries = this.#leases.takeFresh(count);
      while (deliveries.length === 0 && await wait.untilRoused()) {
        // Tasks queued together are leased together.
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
      wait.end();
      this.#wait = undefined;
    }
  }

  wake(): void {
    this.#wait?.end();
  }

  async start(deliveries: readonly Delivery[]): Promise<Start[]> {
    return await this.#queue.turn.answer(deliveries.map((delivery) => this.#leases.start(delivery)));
  }

  async discard(): Promise<void> {
    // Every entry names a task here.
    await this.#queue.turn.next();
  }
}
