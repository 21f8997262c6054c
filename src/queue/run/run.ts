import { abortable, within } from "../../base/async.ts";
import { TimeoutError } from "../../base/errors.ts";
import { summarize } from "./counters.ts";
import { Roles, type RunOptions } from "./roles.ts";
import { shutDown } from "./shutdown.ts";

/** How long a shutdown waits for the last read, and for leaving the queue, in milliseconds. */
const readTimeout = 1000;

/** One run of a worker, from the first read until it leaves the queue. */
export class Run {
  readonly #options: RunOptions;
  readonly #roles: Roles;
  #isReady = false;

  constructor(options: RunOptions) {
    this.#options = options;
    this.#roles = new Roles(options);
  }

  /** Whether it has begun, with its cron jobs scheduled. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** How many tasks run now. */
  get running(): number {
    return this.#roles.inFlight.running;
  }

  /** How many functions still run although their task has finished, by a timeout or an abort. */
  get lingering(): number {
    return this.#roles.inFlight.lingering;
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
    const { keeper, promoter, scheduler, janitor, fanOut, threads, stop } = this.#roles;
    const kept = keeper.keep(keeping.signal);
    const others = [promoter, scheduler, janitor, fanOut].map((role) => role.keep(stop.signal));
    void scheduler.ready.then(() => this.#isReady = true);
    const unlisten = membership.onEvent((event) => this.#roles.handle(event));
    try {
      await this.#work(signal);
      await this.#shutDown();
    } finally {
      stop.abort();
      unlisten();
      keeping.abort();
      await Promise.all([kept, ...others, threads.close()]);
      await this.#leave();
      logger.info(`shutdown worker ${workerId} ${summarize(counters)}`);
    }
  }

  /** Whether nothing is queued or running. */
  async isDrained(): Promise<boolean> {
    const { arrivals, inFlight, stop } = this.#roles;
    const { count } = arrivals;
    await arrivals.bring(stop.signal).catch(() => {});
    return arrivals.count === count && inFlight.isEmpty &&
      await this.#options.broker.size({ includeScheduled: false }) === 0 &&
      inFlight.isEmpty;
  }

  /** Notifies it that tasks or cron jobs were registered with the worker. */
  registered(): void {
    this.#roles.scheduler.registered();
    // Other workers hand a task over only to a worker whose name for it is recorded.
    this.#roles.keeper.renewSoon();
  }

  /** Joins the queue; `false` when the signal is aborted meanwhile. */
  async #begin(signal: AbortSignal): Promise<boolean> {
    const { shutdownClock: clock } = this.#options;
    const joining = this.#roles.keeper.begin(signal);
    try {
      await abortable(joining, signal);
      return true;
    } catch (error) {
      if (!signal.aborted) throw error;
      const late = () => new TimeoutError("Joining did not end");
      const hasJoined = await within(joining.then(() => true), readTimeout, { clock, late }).catch(() => false);
      // Otherwise it would count as alive until its keys expire.
      if (hasJoined) await this.#leave();
      return false;
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
    this.#roles.dispatcher.stop();
    // The shutdown releases what the last read brings; a connection that is silent is not waited for.
    await within(reading, readTimeout, { clock, late: () => new TimeoutError("The last read did not end") })
      .catch((error) => logger.warn(`Abandoned a read: ${error}`));
  }

  async #read(signal: AbortSignal): Promise<void> {
    const { scheduler, reader, dispatcher } = this.#roles;
    // A burst may end at once, and its cron jobs are scheduled all the same.
    if (this.#options.burst) await abortable(scheduler.ready, signal).catch(() => {});
    for await (const read of reader.read(signal)) dispatcher.receive(read);
  }

  async #shutDown(): Promise<void> {
    const { workerId, gracePeriod, shutdownClock: clock, logger } = this.#options;
    this.#roles.stop.abort();
    await shutDown(this.#roles, { workerId, gracePeriod, clock, logger });
  }

  async #leave(): Promise<void> {
    const { consumer: { membership }, shutdownClock: clock, logger } = this.#options;
    const leaving = membership.leave(this.#roles.status(), this.#roles.inFlight.ran());
    const late = () => new TimeoutError(`Redis did not answer within ${readTimeout} ms`);
    try {
      await within(leaving, readTimeout, { clock, late });
    } catch (error) {
      logger.warn(`Cannot leave the queue, leases expire by themselves: ${error}`);
    }
  }
}
