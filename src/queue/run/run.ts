import { abortable, Notice, within } from "../../base/async.ts";
import type { Clock } from "../../base/clock.ts";
import { TimeoutError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { Broker } from "../../broker/contract/broker.ts";
import type { Consumer, Delivery, QueueEvent, WorkerStatus } from "../../broker/contract/consumer.ts";
import type { Calendar } from "../schedule/calendar.ts";
import { Scheduler } from "./scheduler.ts";
import { Dispatcher } from "./dispatcher.ts";
import { type Counters, summarize } from "./counters.ts";
import { FanOut } from "./fan_out.ts";
import { Executor, type ExecutorOptions } from "./executor.ts";
import { Held } from "./held.ts";
import { Janitor } from "./janitor.ts";
import { Keeper } from "./keeper.ts";
import { UniqueLocks } from "./unique_locks.ts";
import { LeaseLostError } from "./outcome.ts";
import { Prefetch } from "./prefetch.ts";
import { Promoter } from "./promoter.ts";
import { Reader, type ReaderOptions } from "./reader.ts";
import { nameOf, Settler } from "./settler.ts";
import { shutDown } from "./shutdown.ts";
import { Outbox } from "./outbox.ts";
import { ThreadPool } from "../threads/pool.ts";

/** What a {@linkcode Run} needs of its worker; spans are milliseconds. */
export interface RunOptions extends Omit<ExecutorOptions, "locks" | "threads" | "onBegin" | "onOutcome" | "onLinger"> {
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

/** How many ends may be on their way to the store, beyond twice what may be held. */
const unsettledLimit = 1000;
/** How long a shutdown waits for the last read, and for the goodbye, in milliseconds. */
const readPatience = 1000;

/**
 * One run of a worker, from the first read to the goodbye. It wires the roles together: the reader leases, the
 * dispatcher gives out slots, the executor runs, the settler makes results of outcomes for the store to write, and the
 * keeper renews the leases of all that is in between.
 */
export class Run {
  readonly #options: RunOptions;
  readonly #held: Held;
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
  readonly #store: Outbox;
  readonly #arrivals: ReaderOptions["arrivals"];
  #isReady = false;
  /** Aborted when nothing more is to begin. */
  readonly #stop = new AbortController();
  /** Aborted when a shutdown has waited long enough for the store. */
  readonly #giveUp = new AbortController();
  readonly #changed = new Notice();

  constructor(options: RunOptions) {
    const { consumer, clock, logger, idleTimeout, concurrency, priorities } = options;
    this.#options = options;
    const held = this.#held = new Held(priorities);
    this.#prefetch = new Prefetch(options.prefetch);
    const scheduler = this.#scheduler = new Scheduler(options);
    const promoter = this.#promoter = new Promoter({ ...options, scheduler });
    const fanOut = this.#fanOut = new FanOut(options);
    this.#reader = new Reader({
      consumer,
      held,
      clock,
      logger,
      burst: options.burst,
      arrivals: this.#arrivals = {
        get count() {
          return promoter.promoted + fanOut.told;
        },
        bring: async (signal) => void await Promise.all([promoter.promote(signal), fanOut.tell(signal)]),
      },
      room: () => {
        const free = concurrency + this.#prefetch.allowance(clock.monotonic()) - held.running - held.buffered;
        // A store that does not keep up slows reading down.
        return Math.min(free, 2 * (concurrency + options.prefetch) + unsettledLimit - held.leased.size);
      },
      slots: () => held.buffered > 0 ? 0 : concurrency - held.running,
      streams: priorities.length,
      takeoverInterval: idleTimeout / 2,
    });
    this.#store = new Outbox({
      consumer,
      clock,
      logger,
      signal: this.#giveUp.signal,
      onWritten: (delivery) => this.#drop(delivery),
    });
    const settler = this.#settler = new Settler({ ...options, held, store: this.#store });
    const locks = new UniqueLocks({ consumer, clock, logger, signal: this.#giveUp.signal });
    this.#threads = new ThreadPool({ size: options.threadConcurrency });
    this.#executor = new Executor({
      ...options,
      locks,
      threads: this.#threads,
      onBegin: (execution) => settler.say(execution, `□ ${execution.delivery.taskId} → worker ${options.workerId}`),
      onOutcome: (execution, outcome) => {
        this.#changed.notify();
        settler.settle(execution, outcome).catch((error) => logger.error(`Settling a task failed: ${error}`));
      },
      onLinger: (execution) => {
        const { taskId } = execution.delivery;
        logger.warn(`task ${nameOf(execution)} ${taskId} has ended, but ignores its signal and keeps its slot`);
      },
    });
    this.#dispatcher = new Dispatcher({
      consumer,
      held,
      concurrency,
      clock,
      logger,
      executor: this.#executor,
      signal: this.#stop.signal,
      onVacated: () => {
        this.#prefetch.finished(clock.monotonic());
        this.#changed.notify();
        this.#reader.roomChanged();
      },
      onGone: (delivery, why) => {
        this.#drop(delivery);
        if (why === "lost") settler.forget(delivery);
      },
      onStale: (deliveries) => deliveries.forEach((delivery) => settler.release(delivery)),
    });
    this.#janitor = new Janitor({ consumer, interval: 10 * idleTimeout, clock, logger });
    this.#keeper = new Keeper({
      consumer,
      held,
      locks,
      idleTimeout,
      clock,
      logger,
      life: () => this.#life(),
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
    return this.#held.running;
  }

  /** How many functions still run although their task has ended, by a timeout or an abort. */
  get lingering(): number {
    return this.#held.lingering;
  }

  /**
   * Runs tasks until `signal` is aborted, or with `burst` until nothing is left; then shuts down.
   *
   * @throws When the queue cannot be joined in the first place.
   */
  async until(signal: AbortSignal): Promise<void> {
    const { consumer, logger, workerId, counters } = this.#options;
    if (!await this.#begin(signal)) return;
    const keeping = new AbortController();
    const kept = this.#keeper.keep(keeping.signal);
    const roles = [this.#promoter, this.#scheduler, this.#janitor, this.#fanOut].map((role) =>
      role.keep(this.#stop.signal)
    );
    void this.#scheduler.ready.then(() => this.#isReady = true);
    const unlisten = consumer.onNews((news) => this.#hear(news), { isPatient: () => this.#held.isEmpty });
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

  /** Whether nothing is queued or runs. */
  async isDrained(): Promise<boolean> {
    const { count } = this.#arrivals;
    await this.#arrivals.bring(this.#stop.signal).catch(() => {});
    return this.#arrivals.count === count && this.#held.isEmpty &&
      await this.#options.broker.size({ includeScheduled: false }) === 0 &&
      this.#held.isEmpty;
  }

  #hear(news: QueueEvent): void {
    switch (news.kind) {
      case "released":
        return this.#reader.lookForTakeovers();
      case "joined":
        return this.#keeper.renewSoon();
      case "fan-out":
        return this.#fanOut.listed();
      case "due":
        return this.#promoter.due(news.ms);
      case "aborted":
        for (const execution of this.#held.executions) {
          if (execution.delivery.taskId === news.taskId) this.#executor.cancel(execution);
        }
        return;
      case "connected":
        // What was said before is made up for.
        this.#reader.lookForTakeovers();
        this.#promoter.due(0);
        this.#keeper.renewSoon();
    }
  }

  /** Joins the queue; `false` when told to stop meanwhile. */
  async #begin(signal: AbortSignal): Promise<boolean> {
    try {
      await this.#keeper.begin(signal);
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      throw error;
    }
  }

  /** Reads and starts until told to stop. */
  async #work(signal: AbortSignal): Promise<void> {
    const { shutdownClock: clock, logger } = this.#options;
    const reading = this.#read(signal);
    const stopped = new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true });
    });
    await Promise.race([reading, stopped]);
    // What the last read brings is handed back with the rest; a connection that is silent is not waited for.
    await within(reading, readPatience, { clock, late: () => new TimeoutError("The last read did not end") })
      .catch((error) => logger.warn(`Left a read alone: ${error}`));
  }

  async #read(signal: AbortSignal): Promise<void> {
    const { consumer, clock, logger } = this.#options;
    // A burst may be over at once, and what it is to run again is scheduled all the same.
    if (this.#options.burst) await abortable(this.#scheduler.ready, signal).catch(() => {});
    for await (const { deliveries, broken, starts } of this.#reader.read(signal)) {
      logger.debug(`leased ${deliveries.length} tasks`);
      this.#held.buffer(deliveries, clock.monotonic());
      if (!signal.aborted) this.#dispatcher.dispatch(starts);
      if (broken.length === 0) continue;
      logger.error(`Entries name no task and are discarded: ${broken.map(({ entryId }) => entryId).join(", ")}`);
      // Where this fails they are still pending, and are read again when their lease has run out.
      consumer.discard(broken).catch((error) => logger.warn(`Discarding broken entries failed: ${error}`));
    }
  }

  async #shutDown(): Promise<void> {
    this.#stop.abort();
    this.#dispatcher.stop();
    await shutDown({
      ...this.#options,
      clock: this.#options.shutdownClock,
      held: this.#held,
      executor: this.#executor,
      settler: this.#settler,
      store: this.#store,
      changed: this.#changed,
      giveUp: this.#giveUp,
    });
  }

  async #leave(): Promise<void> {
    const { consumer, shutdownClock: clock, logger } = this.#options;
    const late = () => new TimeoutError(`Redis did not answer within ${readPatience} ms`);
    try {
      await within(consumer.leave(this.#life(), [...this.#held.leased]), readPatience, { clock, late });
    } catch (error) {
      logger.warn(`Left without a goodbye, leases run out by themselves: ${error}`);
    }
  }

  /** Another worker has taken over. */
  #lose(delivery: Delivery): void {
    const execution = this.#held.execution(delivery);
    if (!this.#held.leased.has(delivery) || this.#held.isSettling(delivery)) return;
    this.#drop(delivery);
    if (execution) execution.abort(new LeaseLostError(`Another worker has taken the task over: ${delivery.taskId}`));
    else this.#settler.forget(delivery);
  }

  #drop(delivery: Delivery): void {
    this.#held.drop(delivery);
    this.#reader.roomChanged();
  }

  #life(): WorkerStatus {
    const { workerId, counters } = this.#options;
    return {
      workerId,
      summary: `worker ${workerId} ${summarize(counters, { running: this.running, lingering: this.lingering })}`,
    };
  }
}
