import type { ConsumerOptions } from "../contract/consumer.ts";
import type { Delivery } from "../contract/delivery.ts";
import type { Membership, QueueEvent, Renewal, WorkerStatus } from "../contract/membership.ts";
import type { Leases } from "./leases.ts";
import type { MemoryLeasing } from "./memory_leasing.ts";
import type { MemoryQueue } from "./memory_queue.ts";

/** Options of a {@linkcode MemoryMembership}. */
export interface MemoryMembershipOptions extends ConsumerOptions {
  readonly leasing: MemoryLeasing;
}

/** Lets a worker take part in a queue in memory. */
export class MemoryMembership implements Membership {
  readonly #queue: MemoryQueue;
  readonly #leases: Leases;
  readonly #options: MemoryMembershipOptions;

  constructor(queue: MemoryQueue, leases: Leases, options: MemoryMembershipOptions) {
    this.#queue = queue;
    this.#leases = leases;
    this.#options = options;
  }

  async join(status: WorkerStatus): Promise<Renewal> {
    const renewal = this.#renew([], status);
    this.#queue.events.emit({ kind: "joined" });
    return await this.#queue.turn.answer(renewal);
  }

  hazards(): Promise<readonly string[]> {
    return Promise.resolve([]);
  }

  async renew(inFlight: readonly Delivery[], status: WorkerStatus): Promise<Renewal> {
    return await this.#queue.turn.answer(this.#renew(inFlight, status));
  }

  onEvent(listener: (event: QueueEvent) => void): () => void {
    return this.#queue.events.listen(listener);
  }

  async tidy(): Promise<void> {
    this.#queue.liveWorkers.removeExpired();
    this.#queue.locks.removeExpired();
    await this.#queue.turn.next();
  }

  async leave({ workerId }: WorkerStatus, ran: readonly Delivery[]): Promise<void> {
    this.#options.leasing.wake();
    this.#leases.releaseAll(ran);
    this.#queue.liveWorkers.remove(workerId);
    await this.#queue.turn.next();
  }

  #renew(inFlight: readonly Delivery[], status: WorkerStatus): Renewal {
    const { idleTimeout } = this.#options;
    this.#queue.liveWorkers.heartbeat(status, idleTimeout);
    this.#leases.versions = status.versions;
    return {
      ...this.#leases.renew(inFlight),
      idleTimeout: this.#queue.liveWorkers.longestTimeout(idleTimeout),
      hasPending: inFlight.length === 0 && this.#leases.pending > 0,
    };
  }
}
