import type { Clock, Timer } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import type { Start } from "../../broker/contract/delivery.ts";
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
  /** When to start nothing more. */
  readonly signal: AbortSignal;
}

/** Gives free slots to what is buffered, highest priority first, as many as there are in one call. */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  #isScheduled = false;
  #staleTimer: Timer | undefined;

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  /** Fills the free slots. */
  dispatch(): void {
    const { inFlight, concurrency, signal } = this.#options;
    if (signal.aborted) return;
    const executions = inFlight.start(concurrency - inFlight.running);
    if (executions.length > 0) void this.#start(executions);
    if (inFlight.buffered > 0) this.#staleTimer ??= this.#watch();
  }

  /** Fills the free slots at the end of this turn of the event loop, so that slots freed together are filled together. */
  dispatchSoon(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.dispatch();
    });
  }

  /** Stops watching the buffer. */
  stop(): void {
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
    if (!signal.aborted) executions.forEach((execution, i) => this.#execute(execution, starts[i]!));
  }

  #execute(execution: Execution, start: Start): void {
    const { executor, inFlight, onLost } = this.#options;
    if (start === "lost") onLost(execution);
    else if (start === "ended") inFlight.settle(execution);
    else void executor.execute(execution, start);
  }

  #watch(): Timer {
    const { inFlight, clock, onStale, signal } = this.#options;
    return clock.timer(bufferTime, () => {
      this.#staleTimer = undefined;
      if (signal.aborted) return;
      for (const execution of inFlight.bufferedSince(clock.monotonic() - bufferTime)) onStale(execution);
      if (inFlight.buffered > 0) this.#staleTimer = this.#watch();
    });
  }
}
