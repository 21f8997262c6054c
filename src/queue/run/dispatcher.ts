import type { Clock, Timer } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import type { Consumer, Delivery, Start } from "../../broker/contract/consumer.ts";
import { Execution } from "./execution.ts";
import type { Executor } from "./executor.ts";
import type { Held } from "./held.ts";
import { persist } from "./persist.ts";

/** What waits in the buffer this long is handed back, for another worker may have a slot free; in milliseconds. */
const patience = 1000;

/** What a {@linkcode Dispatcher} needs of its worker. */
export interface DispatcherOptions {
  readonly consumer: Consumer;
  readonly held: Held;
  readonly executor: Executor;
  readonly concurrency: number;
  /** Called when an execution has freed its slot. */
  readonly onVacated: () => void;
  /** Called for a delivery that turned out to be somebody else's, or over. */
  readonly onGone: (delivery: Delivery, why: "lost" | "ended") => void;
  /** Called for what has waited too long. */
  readonly onStale: (deliveries: readonly Delivery[]) => void;
  readonly clock: Clock;
  readonly logger: Logger;
  /** When to start nothing more. */
  readonly signal: AbortSignal;
}

/** Gives free slots to what is buffered, highest priority first, as many as there are in one call. */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  #scheduled = false;
  #staleTimer: Timer | undefined;

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  /**
   * Fills the free slots.
   *
   * @param starts What was started already.
   */
  dispatch(starts?: ReadonlyMap<Delivery, Start>): void {
    const { held, concurrency, signal } = this.#options;
    if (signal.aborted) return;
    const deliveries = held.take(concurrency - held.running);
    if (deliveries.length > 0) {
      const waiting: Execution[] = [];
      for (const delivery of deliveries) {
        const execution = new Execution(delivery);
        held.occupy(execution);
        const start = starts?.get(delivery);
        if (start) void this.#execute(execution, start);
        else waiting.push(execution);
      }
      if (waiting.length > 0) void this.#start(waiting);
    }
    if (held.buffered > 0) this.#staleTimer ??= this.#watch();
  }

  /** Stops watching the buffer. */
  stop(): void {
    this.#staleTimer?.cancel();
  }

  async #start(executions: readonly Execution[]): Promise<void> {
    const { consumer, clock, logger, signal } = this.#options;
    const operation = () => consumer.start(executions.map(({ delivery }) => delivery));
    let starts: Start[];
    try {
      starts = await persist(operation, { what: "Starting tasks", clock, logger, signal });
    } catch {
      // Told to stop, and then what has not begun is taken back by whoever said so.
      return;
    }
    // The same when the answer came too late.
    if (!signal.aborted) executions.forEach((execution, i) => void this.#execute(execution, starts[i]!));
  }

  async #execute(execution: Execution, start: Start): Promise<void> {
    const { executor, held, onVacated, onGone } = this.#options;
    if (typeof start === "string") onGone(execution.delivery, start);
    else await executor.execute(execution, start);
    held.vacate(execution);
    onVacated();
    this.#dispatchSoon();
  }

  /** Fills the free slots at the end of this turn of the event loop, so that those freed together are filled together. */
  #dispatchSoon(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.dispatch();
    });
  }

  #watch(): Timer {
    const { held, clock, onStale, signal } = this.#options;
    return clock.timer(patience, () => {
      this.#staleTimer = undefined;
      if (signal.aborted) return;
      const stale = held.waiting(patience, clock.monotonic());
      if (stale.length > 0) onStale(stale);
      if (held.buffered > 0) this.#staleTimer = this.#watch();
    });
  }
}
