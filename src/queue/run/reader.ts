import { Notice } from "../../base/async.ts";
import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import type { Read, Takeover } from "../../broker/contract/delivery.ts";
import type { Leasing } from "../../broker/contract/leasing.ts";
import type { InFlight } from "./in_flight.ts";
import { persist } from "./persist.ts";
import type { Pump } from "./pump.ts";

/** How long a worker with nothing in flight waits for a task in one read, in milliseconds. */
const longestWait = 60_000;
/** How many quarantined tasks a worker takes at a time, so that the one that crashes takes no other along. */
const quarantineLimit = 1;

/** Options of a {@linkcode Reader}. */
export interface ReaderOptions {
  readonly leasing: Leasing;
  readonly inFlight: InFlight;
  readonly pump: Pick<Pump<never>, "run" | "sent" | "stop">;
  /** How many more tasks may be leased now. */
  readonly room: () => number;
  /** How many tasks can be started right away. */
  readonly slots: () => number;
  /** Whether to end when nothing is left to read and nothing is in flight. */
  readonly burst: boolean;
  /** Brings tasks that are due or were deferred to their streams; a burst does so before it ends. */
  readonly arrivals: { readonly count: number; readonly bring: (signal: AbortSignal) => Promise<void> };
  /** Number of streams: a blocking read knows no order among several. */
  readonly streams: number;
  /** How often to search for expired leases while tasks are in flight, in milliseconds. */
  readonly takeoverInterval: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Leases tasks as long as there is room: first those whose lease has expired, when it is time to search for them, then new
 * ones, waiting for them if necessary. When a read shows that there is more to do, the pump takes over until it has
 * leased the rest.
 */
export class Reader {
  readonly #options: ReaderOptions;
  readonly #changed = new Notice();
  /** Whether the next read searches for expired leases. */
  #takeover: Takeover = "first";
  /** When to search next while tasks are in flight, by the monotonic clock. */
  #takeoverTime = 0;
  /** When a lease that seems to have expired can be taken over, by the monotonic clock. */
  #confirmTime = Infinity;
  /** Whether the last search passed over quarantined tasks, because one was here already. */
  #passedOver = false;

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  /** Yields what was leased, until the signal is aborted. */
  async *read(signal: AbortSignal): AsyncGenerator<Read> {
    const { leasing, room, inFlight, pump, burst, arrivals, streams } = this.#options;
    const stop = () => {
      this.#changed.notify();
      pump.stop();
      leasing.wake();
    };
    signal.addEventListener("abort", stop, { once: true });
    try {
      while (!signal.aborted) {
        const before = arrivals.count;
        // Tasks that finish during the read may leave something behind.
        const wasEmpty = inFlight.isEmpty;
        const count = room();
        const found = count > 0 ? await this.#lease(count, signal) : null;
        const size = found ? found.deliveries.length + found.broken.length : 0;
        if (found && size > 0) {
          yield found;
          // The blocking read knows no order among several streams.
          if (size >= count || streams > 1) await this.#pump(signal);
          // Callers may be waiting for the results of the tasks just read, so they are sent before the next read.
          await pump.sent();
        } else if (found?.unfinished) continue;
        else if (found && burst && inFlight.isEmpty && this.#confirmTime < Infinity) {
          // Tasks of a worker that seems to have died are left to read.
          await this.#changed.waitAtMost(this.#confirmTime - this.#options.clock.monotonic(), {
            clock: this.#options.clock,
            signal,
          });
        } else if (found && burst && inFlight.isEmpty) {
          // It rejects only when the signal is aborted.
          await arrivals.bring(signal).catch(() => {});
          // Nothing arrived now, and nothing while the queue was read.
          if (wasEmpty && arrivals.count === before) return;
        } else if (!found) await this.#changed.wait();
      }
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  /** Notifies the reader that there may be room again. */
  roomChanged(): void {
    this.#changed.notify();
    const { burst, inFlight, leasing } = this.#options;
    if (this.#passedOver && !inFlight.hasQuarantined) {
      this.#passedOver = false;
      this.lookForTakeovers();
    }
    // Nothing can follow from what has finished any more.
    if (burst && inFlight.isEmpty) leasing.wake();
  }

  /** Notifies the reader that there may be something to take over right now. */
  lookForTakeovers(): void {
    this.#takeover = "first";
    this.#changed.notify();
    this.#options.pump.stop();
    this.#options.leasing.wake();
  }

  /** Lets the pump lease tasks. It never does while this reader searches for expired leases, which knows what is in flight. */
  async #pump(signal: AbortSignal): Promise<void> {
    const { pump, clock } = this.#options;
    const isDue = () => signal.aborted || this.#takeover !== "none" || clock.monotonic() >= this.#dueTime();
    if (isDue()) return;
    // Tasks may have been leased in a reply that was lost.
    if (!await pump.run(isDue)) this.#takeover = "first";
  }

  /** When the next search for expired leases is due. A worker with nothing in flight is notified when there are any. */
  #dueTime(): number {
    return this.#options.inFlight.isEmpty ? this.#confirmTime : Math.min(this.#takeoverTime, this.#confirmTime);
  }

  /** `null` when the signal was aborted before anything could be read. */
  async #lease(count: number, signal: AbortSignal): Promise<Read | null> {
    const { clock, logger } = this.#options;
    try {
      const lease = () =>
        this.#leaseOnce(count, signal).catch((error) => {
          // Tasks may have been leased in a reply that was lost.
          this.#takeover = "first";
          throw error;
        });
      return await persist(lease, { what: "Reading from the queue", clock, logger, signal });
    } catch (error) {
      if (signal.aborted) return null;
      throw error;
    }
  }

  async #leaseOnce(count: number, signal: AbortSignal): Promise<Read> {
    const { leasing, inFlight, clock, burst, streams, slots } = this.#options;
    const isDue = () => clock.monotonic() >= this.#dueTime();
    if (isDue()) this.#takeover = "first";
    let found: Read = { deliveries: [], broken: [], unfinished: false, passedOver: false, takeoverIn: null };
    if (this.#takeover !== "none" || burst || streams > 1) found = await this.#search(count);
    const isAgain = this.#takeover !== "none" || isDue();
    if (found.deliveries.length + found.broken.length > 0 || (burst && inFlight.isEmpty) || isAgain || signal.aborted) {
      return { ...found, unfinished: isAgain };
    }
    const ms = Math.min(this.#dueTime() - clock.monotonic(), longestWait);
    return await leasing.wait(count, Math.ceil(ms), { slots: slots() });
  }

  /** Leases what is there without waiting. */
  async #search(count: number): Promise<Read> {
    const { leasing, inFlight, clock, takeoverInterval } = this.#options;
    const takeover = this.#takeover;
    this.#takeover = "none";
    if (takeover === "first") {
      this.#takeoverTime = clock.monotonic() + takeoverInterval;
      this.#confirmTime = Infinity;
      this.#passedOver = false;
    }
    const quarantined = inFlight.hasQuarantined ? 0 : quarantineLimit;
    const found = await leasing.read(count, { takeover, inFlight: inFlight.deliveries(), quarantined });
    if (found.passedOver) this.#passedOver = true;
    if (found.takeoverIn !== null) this.#confirmTime = clock.monotonic() + found.takeoverIn;
    // Meanwhile there may have been a reason to begin again.
    if (found.unfinished && this.#takeover === "none") this.#takeover = "continue";
    return found;
  }
}
