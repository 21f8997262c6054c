import type { Clock, Timer } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import type { BrokenEntry, Delivery, Start } from "../../broker/contract/delivery.ts";
import type { Leasing } from "../../broker/contract/leasing.ts";
import type { Execution } from "./execution.ts";
import type { Executor } from "./executor.ts";
import type { InFlight } from "./in_flight.ts";
import { persist } from "./persist.ts";

/** How long a task waits in the buffer before it is released, as another worker may have a free slot; in milliseconds. */
const bufferTime = 1000;

/** Options of a {@linkcode Dispatcher}. */
export interface DispatcherOptions {
  readonly leasing: Leasing;
  readonly inFlight: InFlight;
  readonly executor: Executor;
  readonly concurrency: number;
  /** Called for an execution whose lease another worker has. */
  readonly onLost: (execution: Execution) => void;
  /** Called for an execution that has waited too long. */
  readonly onStale: (execution: Execution) => void;
  readonly clock: Clock;
  readonly logger: Logger;
  /** When to stop waiting for a broker that does not answer. */
  readonly signal: AbortSignal;
}

/** Tasks that were leased, and entries that name no task. */
interface Leased {
  readonly deliveries: readonly Delivery[];
  readonly broken: readonly BrokenEntry[];
}

/** Receives leased tasks, and gives free slots to what is buffered, highest priority first, as many as there are in one call. */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  #isScheduled = false;
  #isStopped = false;
  #staleTimer: Timer | undefined;

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  /**
   * Takes what was leased, and fills the free slots.
   *
   * @param starts The starts of the first deliveries, which were leased for free slots.
   */
  receive({ deliveries, broken }: Leased, starts: readonly Start[] = []): void {
    const { inFlight, clock, logger } = this.#options;
    logger.debug(`leased ${deliveries.length} tasks`);
    if (broken.length > 0) void this.#discard(broken);
    const time = clock.monotonic();
    // The shutdown releases everything that waits.
    if (this.#isStopped) return void inFlight.add(deliveries, time);
    for (let i = 0; i < starts.length; i++) {
      const execution = inFlight.admit(deliveries[i]!, time);
      if (execution) this.#execute(execution, starts[i]!);
    }
    if (starts.length < deliveries.length) inFlight.add(deliveries.slice(starts.length), time);
    this.dispatch();
  }

  /** Fills the free slots. */
  dispatch(): void {
    const { inFlight, concurrency } = this.#options;
    if (this.#isStopped || inFlight.buffered === 0) return;
    const executions = inFlight.start(concurrency - inFlight.running);
    if (executions.length > 0) void this.#start(executions);
    if (inFlight.buffered > 0) this.#staleTimer ??= this.#watch();
  }

  /** Fills the free slots at the end of this turn of the event loop, so that slots freed together are filled together. */
  dispatchSoon(): void {
    if (this.#isScheduled || this.#options.inFlight.buffered === 0) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.dispatch();
    });
  }

  /** Starts nothing more. */
  stop(): void {
    this.#isStopped = true;
    this.#staleTimer?.cancel();
  }

  async #start(executions: readonly Execution[]): Promise<void> {
    const { leasing, clock, logger, signal } = this.#options;
    const operation = () => leasing.start(executions.map(({ delivery }) => delivery));
    let starts: Start[];
    try {
      starts = await persist(operation, { what: "Starting tasks", clock, logger, signal });
    } catch {
      // The shutdown releases what has not begun.
      return;
    }
    // The same when the answer came too late.
    if (!this.#isStopped) executions.forEach((execution, i) => this.#execute(execution, starts[i]!));
  }

  #execute(execution: Execution, start: Start): void {
    const { executor, inFlight, onLost } = this.#options;
    if (start === "lost") onLost(execution);
    else if (start === "ended") inFlight.settle(execution);
    else executor.execute(execution, start);
  }

  /** Discards entries that name no task. */
  async #discard(broken: readonly BrokenEntry[]): Promise<void> {
    const { leasing, logger } = this.#options;
    logger.error(`Discarding entries that name no task: ${broken.map(({ entryId }) => entryId).join(", ")}`);
    try {
      await leasing.discard(broken);
    } catch (error) {
      // They are still pending, and are read again when their lease has expired.
      logger.warn(`Discarding broken entries failed: ${error}`);
    }
  }

  #watch(): Timer {
    const { inFlight, clock, onStale } = this.#options;
    return clock.timer(bufferTime, () => {
      this.#staleTimer = undefined;
      if (this.#isStopped) return;
      for (const execution of inFlight.bufferedSince(clock.monotonic() - bufferTime)) onStale(execution);
      if (inFlight.buffered > 0) this.#staleTimer = this.#watch();
    });
  }
}
