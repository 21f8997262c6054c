import { abortable, Notice, within } from "../../base/async.ts";
import type { Clock } from "../../base/clock.ts";
import { TimeoutError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { Broker } from "../../broker/contract/broker.ts";
import type { Consumer } from "../../broker/contract/consumer.ts";
import type { Delivery } from "../../broker/contract/delivery.ts";
import type { QueueEvent, WorkerStatus } from "../../broker/contract/membership.ts";
import type { Calendar } from "../schedule/calendar.ts";
import { ThreadPool } from "../threads/pool.ts";
import { type Counters, summarize } from "./counters.ts";
import { Dispatcher } from "./dispatcher.ts";
import { Executor, type ExecutorOptions } from "./executor.ts";
import type { Execution } from "./execution.ts";
import { FanOut } from "./fan_out.ts";
import { InFlight } from "./in_flight.ts";
import { Janitor } from "./janitor.ts";
import { Keeper } from "./keeper.ts";
import { LeaseLostError } from "./outcome.ts";
import { Outbox } from "./outbox.ts";
import { Prefetch } from "./prefetch.ts";
import { Promoter } from "./promoter.ts";
import { Reader, type ReaderOptions } from "./reader.ts";
import { Scheduler } from "./scheduler.ts";
import { Settler } from "./settler.ts";
import { shutDown } from "./shutdown.ts";
import { UniqueLocks } from "./unique_locks.ts";

/** Options of a {@linkcode Run}; spans are milliseconds. */
export interface RunOptions
  extends Omit<ExecutorOptions, "inFlight" | "locks" | "threads" | "onRun" | "onOutcome" | "onLinger"> {
  readonly workerId: string;
  readonly broker: Broker;
  readonly consumer: Consumer;
  readonly calendar: Calendar;
  /** From lowest to highest. */
  readonly priorities: readonly string[];
  readonly concurrency: number;
  readonly threadConcurrency: number;
  readonly prefetch: number;
  readonly idleTimeout: number;
  readonly gracePeriod: number;
  readonly burst: boolean;
  readonly counters: Counters;
  readonly shutdownClock: Clock;
  readonly logger: Logger;
}

/** How many outcomes may be on their way to the broker, beyond twice what may be leased. */
const unsettledLimit = 1000;
/** How long a shutdown waits for the last read, and for leaving the queue, in milliseconds. */
const readTimeout = 1000;

/**
 * One run of a worker, from the first read until it leaves the queue. It wires the roles together: the reader leases, the
 * dispatcher gives out slots, the executor runs, the settler turns outcomes into results for the outbox, and the keeper
 * renews the leases of everything in flight.
 */
export class Run {
  readonly #options: RunOptions;
  readonly #inFlight: InFlight;
  readonly #prefetch: Prefetch;
  readonly #reader: Reader;
  readonly #keeper: Keeper;
  readonly #promoter: Promoter;
  readonly #scheduler: Scheduler;
  readonly #fanOut: FanOut;
  readonly #janitor: Janitor;
  readonly #threads: ThreadPool;
  readonly #dispatcher: Dispatcher;
  readonly #executor: Executor;
  readonly #settler: Settler;
  readonly #outbox: Outbox;
  readonly #arrivals: ReaderOptions["arrivals"];
  #isReady = false;
  /** Aborted when nothing more is to begin. */
  readonly #stop = new AbortController();
  /** Aborted when a shutdown has waited long enough for the broker. */
  readonly #giveUp = new AbortController();
  readonly #changed = new Notice();

  constructor(options: RunOptions) {
    const { broker, consumer: { leasing, completing, scheduling, locking, membership } } = options;
    const { clock, logger, idleTimeout, concurrency, priorities } = options;
    this.#options = options;
    this.#prefetch = new Prefetch(options.prefetch);
    const inFlight = this.#inFlight = new InFlight({
      priorities,
      onMove: (execution, freesSlot) => this.#moved(execution, freesSlot),
    });
    const scheduler = this.#scheduler = new Scheduler({ ...options, scheduling, publishing: broker });
    const promoter = this.#promoter = new Promoter({ scheduling, scheduler, clock, logger });
    const fanOut = this.#fanOut = new FanOut({ completing, clock, logger });
    this.#arrivals = {
      get count() {
        return promoter.promoted + fanOut.handled;
      },
      bring: async (signal) => void await Promise.all([promoter.promote(signal), fanOut.work(signal)]),
    };
    this.#reader = new Reader({
      leasing,
      inFlight,
      clock,
      logger,
      burst: options.burst,
      arrivals: this.#arrivals,
      room: () => {
        const free = concurrency + this.#prefetch.allowance(clock.monotonic()) - inFlight.running - inFlight.buffered;
        // A broker that does not keep up slows reading down.
        return Math.min(free, 2 * (concurrency + options.prefetch) + unsettledLimit - inFlight.size);
      },
      slots: () => inFlight.buffered > 0 ? 0 : concurrency - inFlight.running,
      streams: priorities.length,
      takeoverInterval: idleTimeout / 2,
    });
    const outbox = this.#outbox = new Outbox({ completing, clock, logger, signal: this.#giveUp.signal });
    const settler = this.#settler = new Settler({ ...options, inFlight, outbox });
    const locks = new UniqueLocks({ locking, clock, logger, signal: this.#giveUp.signal });
    this.#threads = new ThreadPool({ size: options.threadConcurrency });
    this.#executor = new Executor({
      ...options,
      inFlight,
      locks,
      threads: this.#threads,
      onRun: (execution) => settler.say(execution, `□ ${execution.delivery.taskId} → worker ${options.workerId}`),
      onOutcome: (execution, outcome) => {
        this.#changed.notify();
        settler.settle(execution, outcome).catch((error) => logger.error(`Settling a task failed: ${error}`));
      },
      onLinger: ({ fnName, delivery: { taskId } }) => {
        logger.warn(`task ${fnName} ${taskId} has finished, but its function ignores its signal and keeps its slot`);
      },
    });
    this.#dispatcher = new Dispatcher({
      leasing,
      inFlight,
      concurrency,
      clock,
      logger,
      executor: this.#executor,
      signal: this.#stop.signal,
      onLost: (execution) => settler.lose(execution),
      onStale: (execution) => settler.release(execution),
    });
    this.#janitor = new Janitor({ membership, interval: 10 * idleTimeout, clock, logger });
    this.#keeper = new Keeper({
      membership,
      inFlight,
      locks,
      idleTimeout,
      clock,
      logger,
      status: () => this.#status(),
      onPending: () => this.#reader.lookForTakeovers(),
      onLost: (delivery) => this.#lose(delivery),
    });
  }

  /** Whether it has begun, with its cron jobs scheduled. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** How many tasks run now. */
  get running(): number {
    return this.#inFlight.running;
  }

  /** How many functions still run although their task has finished, by a timeout or an abort. */
  get lingering(): number {
    return this.#inFlight.lingering;
  }

  /**
   * Runs tasks until `signal` is aborted, or with `burst` until nothing is left; then shuts down.
   *
   * @throws When the queue cannot be joined in the first place.
   */
  async until(signal: AbortSignal): Promise<void> {
    const { consumer: { membership }, logger, workerId, counters } = this.#options;
    if (!await this.#begin(signal)) return;
    const keeping = new AbortController();
    const kept = this.#keeper.keep(keeping.signal);
    const roles = [this.#promoter, this.#scheduler, this.#janitor, this.#fanOut].map((role) =>
      role.keep(this.#stop.signal)
    );
    void this.#scheduler.ready.then(() => this.#isReady = true);
    const unlisten = membership.onEvent((event) => this.#handle(event));
    try {
      await this.#work(signal);
      await this.#shutDown();
    } finally {
      this.#stop.abort();
      unlisten();
      keeping.abort();
      await Promise.all([kept, ...roles, this.#threads.close()]);
      await this.#leave();
      logger.info(`shutdown worker ${workerId} ${summarize(counters)}`);
    }
  }

  /** Whether nothing is queued or running. */
  async isDrained(): Promise<boolean> {
    const { count } = this.#arrivals;
    await this.#arrivals.bring(this.#stop.signal).catch(() => {});
    return this.#arrivals.count === count && this.#inFlight.isEmpty &&
      await this.#options.broker.size({ includeScheduled: false }) === 0 &&
      this.#inFlight.isEmpty;
  }

  #handle(event: QueueEvent): void {
    switch (event.kind) {
      case "released":
        return this.#reader.lookForTakeovers();
      case "joined":
        return this.#keeper.renewSoon();
      case "fan-out":
        return this.#fanOut.listed();
      case "due":
        return this.#promoter.due(event.ms);
      case "aborted":
        for (const execution of [...this.#inFlight.executions]) {
          if (execution.delivery.taskId === event.taskId) this.#executor.cancel(execution);
        }
        return;
      case "connected":
        // Earlier events may have been missed.
        this.#reader.lookForTakeovers();
        this.#promoter.due(0);
        this.#keeper.renewSoon();
    }
  }

  /** Joins the queue; `false` when the signal is aborted meanwhile. */
  async #begin(signal: AbortSignal): Promise<boolean> {
    try {
      await this.#keeper.begin(signal);
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      throw error;
    }
  }

  /** Reads and starts until the signal is aborted. */
  async #work(signal: AbortSignal): Promise<void> {
    const { shutdownClock: clock, logger } = this.#options;
    const reading = this.#read(signal);
    const stopped = new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true });
    });
    await Promise.race([reading, stopped]);
    // The shutdown releases what the last read brings; a connection that is silent is not waited for.
    await within(reading, readTimeout, { clock, late: () => new TimeoutError("The last read did not end") })
      .catch((error) => logger.warn(`Abandoned a read: ${error}`));
  }

  async #read(signal: AbortSignal): Promise<void> {
    const { consumer: { leasing }, clock, logger } = this.#options;
    // A burst may end at once, and its cron jobs are scheduled all the same.
    if (this.#options.burst) await abortable(this.#scheduler.ready, signal).catch(() => {});
    for await (const { deliveries, broken } of this.#reader.read(signal)) {
      logger.debug(`leased ${deliveries.length} tasks`);
      this.#inFlight.add(deliveries, clock.monotonic());
      if (!signal.aborted) this.#dispatcher.dispatch();
      if (broken.length === 0) continue;
      logger.error(`Discarding entries that name no task: ${broken.map(({ entryId }) => entryId).join(", ")}`);
      // Where this fails they are still pending, and are read again when their lease has expired.
      leasing.discard(broken).catch((error) => logger.warn(`Discarding broken entries failed: ${error}`));
    }
  }

  async #shutDown(): Promise<void> {
    this.#stop.abort();
    this.#dispatcher.stop();
    await shutDown({
      ...this.#options,
      clock: this.#options.shutdownClock,
      inFlight: this.#inFlight,
      executor: this.#executor,
      settler: this.#settler,
      outbox: this.#outbox,
      changed: this.#changed,
      giveUp: this.#giveUp,
    });
  }

  async #leave(): Promise<void> {
    const { consumer: { membership }, shutdownClock: clock, logger } = this.#options;
    const late = () => new TimeoutError(`Redis did not answer within ${readTimeout} ms`);
    try {
      await within(membership.leave(this.#status(), this.#inFlight.leased()), readTimeout, { clock, late });
    } catch (error) {
      logger.warn(`Cannot leave the queue, leases expire by themselves: ${error}`);
    }
  }

  /** Called after each change of an execution's state. */
  #moved(execution: Execution, freesSlot: boolean): void {
    if (freesSlot) {
      this.#prefetch.finished(this.#options.clock.monotonic());
      this.#changed.notify();
      this.#dispatcher.dispatchSoon();
    }
    if (freesSlot || execution.state === "gone") this.#reader.roomChanged();
  }

  /** Another worker has taken a delivery over. */
  #lose(delivery: Delivery): void {
    const execution = this.#inFlight.find(delivery);
    switch (execution?.state) {
      case "buffered":
        return this.#settler.lose(execution);
      case "starting":
      case "preparing":
      case "running":
        execution.abort(new LeaseLostError(`Task ${delivery.taskId} was taken over by another worker`));
    }
    // Of all others the outcome is on its way: the broker's answer tells whether it counts.
  }

  #status(): WorkerStatus {
    const { workerId, counters } = this.#options;
    return {
      workerId,
      summary: `worker ${workerId} ${summarize(counters, { running: this.running, lingering: this.lingering })}`,
    };
  }
}
