import { Notice } from "../../base/async.ts";
import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import type { Consumer, Read, Takeover } from "../../broker/contract/consumer.ts";
import type { Held } from "./held.ts";
import { persist } from "./persist.ts";

/** How long a worker that holds nothing waits for a task in one go, in milliseconds. */
const longestWait = 60_000;

/** What a {@linkcode Reader} needs of its worker. */
export interface ReaderOptions {
  readonly consumer: Consumer;
  readonly held: Held;
  /** How many more tasks may be held now. */
  readonly room: () => number;
  /** How many tasks may be started right away: those that come when there is a free slot. */
  readonly slots: () => number;
  /** End when nothing is left to read and nothing is held. */
  readonly burst: boolean;
  /** What makes more to read: tasks that have become due, or waited for others. With `burst` they come before the end. */
  readonly arrivals: { readonly count: number; readonly bring: (signal: AbortSignal) => Promise<void> };
  /** How many streams there are: a blocking read knows no order among several. */
  readonly streams: number;
  /** How often to look for leases that ran out, in milliseconds. */
  readonly takeoverInterval: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Leases tasks as long as there is room: first those whose lease ran out, when it is time to look for them, then new
 * ones, waiting for them if need be.
 */
export class Reader {
  readonly #options: ReaderOptions;
  readonly #changed = new Notice();
  /** Whether to look for leases that ran out with the next read. */
  #takeover: Takeover = "from the beginning";
  #takeoverTime = 0;

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  /** Yields what was leased, each time that something was, until told to stop. */
  async *read(signal: AbortSignal): AsyncGenerator<Read> {
    const { consumer, room, held, burst, arrivals } = this.#options;
    const stop = () => {
      this.#changed.notify();
      consumer.wake();
    };
    signal.addEventListener("abort", stop, { once: true });
    try {
      while (!signal.aborted) {
        const before = arrivals.count;
        // What ends during the read may have left something behind it.
        const wasIdle = held.isEmpty;
        const count = room();
        const found = count > 0 ? await this.#lease(count, signal) : null;
        if (found && found.deliveries.length + found.broken.length > 0) yield found;
        else if (found?.unfinished) continue;
        else if (found && burst && held.isEmpty) {
          // It rejects only when told to stop.
          await arrivals.bring(signal).catch(() => {});
          // None now, and none while the queue was read.
          if (wasIdle && arrivals.count === before) return;
        } else if (!found) await this.#changed.wait();
      }
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  /** Says that there may be room again. */
  roomChanged(): void {
    this.#changed.notify();
    const { burst, held, consumer } = this.#options;
    // Nothing can come of what has ended any more.
    if (burst && held.isEmpty) consumer.wake();
  }

  /** Says that there may be something to take over right now. */
  lookForTakeovers(): void {
    this.#takeover = "from the beginning";
    this.#changed.notify();
    this.#options.consumer.wake();
  }

  /** `null` when told to stop before anything could be read. */
  async #lease(count: number, signal: AbortSignal): Promise<Read | null> {
    const { clock, logger } = this.#options;
    try {
      const lease = () =>
        this.#leaseOnce(count, signal).catch((error) => {
          // What was leased may have got lost on the way.
          this.#takeover = "from the beginning";
          throw error;
        });
      return await persist(lease, {
        what: "Reading from the queue",
        clock,
        logger,
        signal,
      });
    } catch (error) {
      if (signal.aborted) return null;
      throw error;
    }
  }

  async #leaseOnce(count: number, signal: AbortSignal): Promise<Read> {
    const { consumer, held, clock, burst, streams, takeoverInterval, slots } = this.#options;
    // A worker that holds nothing is told when there is something to take over.
    const isDue = () => !held.isEmpty && clock.monotonic() >= this.#takeoverTime;
    if (isDue()) this.#takeover = "from the beginning";
    const takeover = this.#takeover;
    let found: Read = { deliveries: [], broken: [], unfinished: false };
    if (takeover !== "no" || burst || streams > 1) {
      this.#takeover = "no";
      if (takeover === "from the beginning") this.#takeoverTime = clock.monotonic() + takeoverInterval;
      found = await consumer.read(count, { takeover, held: held.leased });
      // Meanwhile there may have been a reason to begin again.
      if (found.unfinished && this.#takeover === "no") this.#takeover = "on";
    }
    const isAgain = this.#takeover !== "no" || isDue();
    if (found.deliveries.length + found.broken.length > 0 || (burst && held.isEmpty) || isAgain || signal.aborted) {
      return { ...found, unfinished: isAgain };
    }
    const ms = held.isEmpty ? longestWait : this.#takeoverTime - clock.monotonic();
    return await consumer.wait(count, Math.ceil(Math.min(ms, longestWait)), { start: slots() });
  }
}
