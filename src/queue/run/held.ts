import type { Delivery } from "../../broker/contract/consumer.ts";
import type { Execution } from "./execution.ts";

/**
 * What one worker holds. A delivery is leased from the moment it was read until its end is stored or it was handed
 * back; first it waits in the buffer, then its execution has a slot, until the function has settled.
 */
export class Held {
  readonly #leased = new Set<Delivery>();
  readonly #slots = new Map<Delivery, Execution>();
  /** What waits and since when: first suspects, then what else was taken over, then by priority, highest first. */
  readonly #buffers: readonly Map<Delivery, number>[];
  readonly #suspects = new Map<Delivery, number>();
  readonly #takenOver = new Map<Delivery, number>();
  readonly #byPriority: ReadonlyMap<string, Map<Delivery, number>>;
  readonly #settling = new Set<Delivery>();
  #buffered = 0;

  /** @param priorities From lowest to highest. */
  constructor(priorities: readonly string[]) {
    this.#byPriority = new Map(priorities.toReversed().map((priority) => [priority, new Map()]));
    this.#buffers = [this.#suspects, this.#takenOver, ...this.#byPriority.values()];
  }

  /** How many wait for a slot. */
  get buffered(): number {
    return this.#buffered;
  }

  /** How many have a slot. */
  get running(): number {
    return this.#slots.size;
  }

  /** How many have a slot, because their function goes on, although their task has ended. */
  get lingering(): number {
    let lingering = 0;
    for (const { isConcluded, isSettled } of this.#slots.values()) if (isConcluded && !isSettled) lingering++;
    return lingering;
  }

  /** What has a lease. */
  get leased(): ReadonlySet<Delivery> {
    return this.#leased;
  }

  /** What has a slot. */
  get executions(): Iterable<Execution> {
    return this.#slots.values();
  }

  /** Whether there is nothing left to do. */
  get isEmpty(): boolean {
    return this.#leased.size === 0 && this.#slots.size === 0;
  }

  /** Buffers what was leased at `time`. */
  buffer(deliveries: readonly Delivery[], time: number): void {
    for (const delivery of deliveries) {
      this.#leased.add(delivery);
      this.#bufferOf(delivery).set(delivery, time);
    }
    this.#buffered += deliveries.length;
  }

  /**
   * Takes up to `count` out of the buffer: what was taken over, then highest priority first; each oldest first. Of suspects
   * only one runs at a time, so that the guilty one takes none of the others along.
   */
  take(count: number): Delivery[] {
    const taken: Delivery[] = [];
    let suspects = this.#suspects.size > 0 ? this.#runningSuspects : 0;
    for (const buffer of this.#buffers) {
      for (const delivery of buffer.keys()) {
        if (taken.length >= count || (delivery.isSuspect && suspects++ > 0)) break;
        taken.push(delivery);
        buffer.delete(delivery);
      }
    }
    this.#buffered -= taken.length;
    return taken;
  }

  /** Takes all out of the buffer. */
  takeAll(): Delivery[] {
    const taken = this.#buffers.flatMap((buffer) => [...buffer.keys()]);
    for (const buffer of this.#buffers) buffer.clear();
    this.#buffered = 0;
    return taken;
  }

  /** What has waited in the buffer for `ms` or longer at `time`; suspects wait for each other, and so ten times as long. */
  waiting(ms: number, time: number): Delivery[] {
    const waiting: Delivery[] = [];
    for (const buffer of this.#buffers) {
      const latest = time - (buffer === this.#suspects ? 10 * ms : ms);
      for (const [delivery, since] of buffer) if (since <= latest) waiting.push(delivery);
    }
    return waiting;
  }

  /** Takes one out of the buffer; `false` when it is not there. */
  unbuffer(delivery: Delivery): boolean {
    if (!this.#bufferOf(delivery).delete(delivery)) return false;
    this.#buffered--;
    return true;
  }

  /** Gives an execution a slot. */
  occupy(execution: Execution): void {
    this.#slots.set(execution.delivery, execution);
  }

  /** Frees the slot of an execution. */
  vacate(execution: Execution): void {
    this.#slots.delete(execution.delivery);
  }

  /** What runs a delivery; `undefined` when nothing does. */
  execution(delivery: Delivery): Execution | undefined {
    return this.#slots.get(delivery);
  }

  /** Notes that the end of a delivery is on its way to the store, whose answer tells whether it counts. */
  settle(delivery: Delivery): void {
    this.#settling.add(delivery);
  }

  /** Whether the end of a delivery is on its way. */
  isSettling(delivery: Delivery): boolean {
    return this.#settling.has(delivery);
  }

  /** Forgets a lease: the delivery has ended, was handed back, or is somebody else's. */
  drop(delivery: Delivery): void {
    this.#leased.delete(delivery);
    this.#settling.delete(delivery);
    this.unbuffer(delivery);
  }

  get #runningSuspects(): number {
    let running = 0;
    for (const { isSuspect } of this.#slots.keys()) if (isSuspect) running++;
    return running;
  }

  #bufferOf({ deliveries, priority, isSuspect }: Delivery): Map<Delivery, number> {
    if (isSuspect) return this.#suspects;
    return deliveries > 1 ? this.#takenOver : this.#byPriority.get(priority)!;
  }
}
