import { Notice } from "../../base/async.ts";
import type { Clock } from "../../base/clock.ts";
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
import { FanOut } from "./fan_out.ts";
import { InFlight } from "./in_flight.ts";
import { Janitor } from "./janitor.ts";
import { Keeper } from "./keeper.ts";
import { LeaseLostError } from "./outcome.ts";
import { Outbox } from "./outbox.ts";
import { Prefetch } from "./prefetch.ts";
import { Promoter } from "./promoter.ts";
import { Pump } from "./pump.ts";
import { Reader, type ReaderOptions } from "./reader.ts";
import { Scheduler } from "./scheduler.ts";
import { type Ending, Settler } from "./settler.ts";
import { UniqueLocks } from "./unique_locks.ts";

/** Options of a run; spans are milliseconds. */
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
  /** How long failures of tasks that are not registered here are kept, in milliseconds. */
  readonly keepFailed: number;
  readonly burst: boolean;
  readonly counters: Counters;
  readonly shutdownClock: Clock;
  readonly logger: Logger;
}

/** How many outcomes may be on their way to the broker, beyond twice what may be leased. */
const unsettledLimit = 1000;

/**
 * The roles of one run, wired together: the reader leases, the dispatcher gives out slots, the executor runs, the settler
 * turns outcomes into results for the outbox, and the keeper renews the leases of everything in flight. Beside them the
 * promoter and the scheduler bring tasks to their streams, and the janitor clears what dead workers leave behind.
 */
export class Roles {
  readonly inFlight: InFlight;
  readonly reader: Reader;
  readonly keeper: Keeper;
  readonly promoter: Promoter;
  readonly scheduler: Scheduler;
  readonly fanOut: FanOut;
  readonly janitor: Janitor;
  readonly threads: ThreadPool;
  readonly dispatcher: Dispatcher;
  readonly executor: Executor;
  readonly settler: Settler;
  readonly outbox: Outbox;
  readonly pump: Pump<Ending>;
  /** Brings tasks that are due or were deferred to their streams. */
  readonly arrivals: ReaderOptions["arrivals"];
  /** Aborted when nothing more is to begin. */
  readonly stop: AbortController = new AbortController();
  /** Aborted when a shutdown has waited long enough for the broker. */
  readonly giveUp: AbortController = new AbortController();
  /** Notified when a slot was freed, or an outcome became known. */
  readonly changed: Notice = new Notice();
  readonly #options: RunOptions;
  readonly #prefetch: Prefetch;
  #isDeaf = false;

  constructor(options: RunOptions) {
    const { broker, consumer: { leasing, completing, turning, scheduling, locking, membership } } = options;
    const { clock, logger, idleTimeout, concurrency, priorities } = options;
    this.#options = options;
    this.#prefetch = new Prefetch(options.prefetch);
    const inFlight = this.inFlight = new InFlight({
      priorities,
      onMove: (_, freesSlot) => this.#moved(freesSlot),
    });
    const scheduler = this.scheduler = new Scheduler({ ...options, scheduling, publishing: broker });
    const promoter = this.promoter = new Promoter({ scheduling, scheduler, clock, logger });
    const fanOut = this.fanOut = new FanOut({ completing, clock, logger });
    this.arrivals = {
      get count() {
        return promoter.promoted + fanOut.handled;
      },
      bring: async (signal) => void await Promise.all([promoter.promote(signal), fanOut.work(signal)]),
    };
    const freeSlots = () => concurrency - inFlight.running - inFlight.buffered;
    // A broker that does not keep up slows reading down.
    const unsettledRoom = () => 2 * (concurrency + options.prefetch) + unsettledLimit - inFlight.size;
    const pump = this.pump = new Pump<Ending>({
      turning,
      completing,
      concurrency,
      slots: () => Math.min(freeSlots(), unsettledRoom()),
      onLeased: (turn) => this.dispatcher.receive(turn, turn.starts),
      onStored: (ending, answer) => settler.stored(ending, answer),
      clock,
      logger,
      signal: this.giveUp.signal,
    });
    this.reader = new Reader({
      leasing,
      inFlight,
      pump,
      clock,
      logger,
      burst: options.burst,
      arrivals: this.arrivals,
      room: () => Math.min(freeSlots() + this.#prefetch.allowance(clock.monotonic()), unsettledRoom()),
      slots: () => inFlight.buffered > 0 ? 0 : concurrency - inFlight.running,
      streams: priorities.length,
      takeoverInterval: idleTimeout / 2,
    });
    const outbox = this.outbox = new Outbox({ completing, clock, logger, signal: this.giveUp.signal });
    const settler = this.settler = new Settler({ ...options, inFlight, outbox, pump });
    const locks = new UniqueLocks({ locking, clock, logger, signal: this.giveUp.signal });
    this.threads = new ThreadPool({ size: options.threadConcurrency });
    this.executor = new Executor({
      ...options,
      inFlight,
      locks,
      threads: this.threads,
      onRun: (execution) => settler.say(execution, `□ ${execution.delivery.taskId} → worker ${options.workerId}`),
      onOutcome: (execution, outcome) => {
        this.changed.notify();
        try {
          settler.settle(execution, outcome);
        } catch (error) {
          logger.error(`Settling a task failed: ${error}`);
        }
      },
      onLinger: ({ fnName, delivery: { taskId } }) => {
        logger.warn(`task ${fnName} ${taskId} has finished, but its function ignores its signal and keeps its slot`);
      },
    });
    this.dispatcher = new Dispatcher({
      leasing,
      inFlight,
      concurrency,
      clock,
      logger,
      executor: this.executor,
      signal: this.stop.signal,
      onLost: (execution) => settler.lose(execution),
      onStale: (execution) => settler.release(execution),
    });
    this.janitor = new Janitor({ membership, interval: 10 * idleTimeout, clock, logger });
    this.keeper = new Keeper({
      membership,
      inFlight,
      locks,
      idleTimeout,
      clock,
      logger,
      status: () => this.status(),
      onPending: () => this.reader.lookForTakeovers(),
      onLost: (delivery) => this.#lose(delivery),
      onAborted: (delivery) => this.#cancel(delivery),
    });
  }

  /** The report of the worker about itself. */
  status(): WorkerStatus {
    const { workerId, counters, registry } = this.#options;
    const { running, lingering } = this.inFlight;
    return {
      workerId,
      summary: `worker ${workerId} ${summarize(counters, { running, lingering })}`,
      versions: new Map(Array.from(registry, ([fnName, { options }]) => [fnName, options.version])),
    };
  }

  /** Passes an event of the queue to the role that it concerns. */
  handle(event: QueueEvent): void {
    switch (event.kind) {
      case "released":
        return this.reader.lookForTakeovers();
      case "joined":
        return this.keeper.renewSoon();
      case "fan-out":
        return this.fanOut.listed();
      case "due":
        return this.promoter.due(event.ms);
      case "aborted":
        // Anyone may publish that: a renewal learns whether it is true.
        for (const { delivery } of this.inFlight.executions()) {
          if (delivery.taskId === event.taskId) return this.keeper.renewSoon();
        }
        return;
      case "deaf":
        return this.#becomeDeaf(event.reason);
      case "connected":
        // Earlier events may have been missed.
        this.#isDeaf = false;
        this.reader.lookForTakeovers();
        this.promoter.due(0);
        this.keeper.renewSoon();
    }
  }

  /** An execution has given its slot back, or is gone. */
  #moved(freesSlot: boolean): void {
    if (freesSlot) {
      this.#prefetch.finished(this.#options.clock.monotonic());
      this.changed.notify();
      this.dispatcher.dispatchSoon();
    }
    this.reader.roomChanged();
    this.pump.roomChanged();
  }

  /** Events of the queue do not arrive: what they would notify of is looked for every few seconds. */
  #becomeDeaf(reason: Error): void {
    if (this.#isDeaf) return;
    this.#isDeaf = true;
    this.promoter.due(0);
    this.#options.logger.warn(`Cannot subscribe to the events of the queue, polling instead: ${reason}`);
  }

  /** The task of a delivery was aborted, and has its result. */
  #cancel(delivery: Delivery): void {
    const execution = this.inFlight.find(delivery);
    if (execution?.state === "buffered") this.inFlight.settle(execution);
    else if (execution) this.executor.cancel(execution);
  }

  /** Another worker has taken a delivery over. */
  #lose(delivery: Delivery): void {
    const execution = this.inFlight.find(delivery);
    switch (execution?.state) {
      case "buffered":
        return this.settler.lose(execution);
      case "starting":
      case "preparing":
      case "running":
        return execution.abort(new LeaseLostError(`Task ${delivery.taskId} was taken over by another worker`));
      case "overdue":
        // Its function was asked to stop before.
        return this.executor.conclude(execution, { kind: "lost" });
    }
    // The outcome of any other is on its way: the broker's answer shows whether it counts.
  }
}
