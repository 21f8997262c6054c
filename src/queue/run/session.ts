import { AsyncLocalStorage } from "node:async_hooks";
import { delay } from "../../base/async.ts";
import type { Activity } from "../../base/clock.ts";
import type { Broker } from "../../broker/contract/broker.ts";
import type { Calendar } from "../schedule/calendar.ts";
import type { Counters } from "./counters.ts";
import type { Definition } from "../tasks/definition.ts";
import { withLifespan } from "../context/lifespan.ts";
import type { Middleware } from "../tasks/middleware.ts";
import type { RecordCodec } from "../records/record_codec.ts";
import { randomId } from "../../base/id.ts";
import { Run } from "./run.ts";
import { listenForSignals } from "./signals.ts";
import type { ResolvedWorkerOptions } from "../options/resolve_worker_options.ts";

/** Options of a {@linkcode Session}. */
export interface SessionOptions<C> extends ResolvedWorkerOptions<C> {
  readonly broker: Broker;
  readonly codec: RecordCodec;
  readonly calendar: Calendar;
  readonly registry: ReadonlyMap<string, Definition>;
  readonly middleware: readonly Middleware[];
  readonly counters: Counters;
  /** Whether to end when nothing is left to do. */
  readonly burst: boolean;
}

/** How often `drained()` looks whether the queue is empty, in milliseconds. */
const drainInterval = 5;

/** The session that the current code belongs to: that of its task, or of its lifespan. */
const sessions = new AsyncLocalStorage<Session<unknown>>();

/** One call of a worker's `run()`, from connecting to the end of the lifespan. */
export class Session<C> implements Activity {
  readonly #options: SessionOptions<C>;
  readonly #stop = new AbortController();
  /** Whether `stop()` was called. Otherwise the session ends by itself. */
  #isStopped = false;
  /** Set when the lifespan has yielded. */
  #current: { readonly run: Run; readonly context: C } | undefined;
  #ended: Promise<void> | undefined;

  constructor(options: SessionOptions<C>) {
    this.#options = options;
    options.clock.watch?.(this);
  }

  /** See {@linkcode Activity}: a session that is starting counts as a running function. */
  get running(): number {
    if (!this.#ended || this.#stop.signal.aborted) return 0;
    const run = this.#current?.run;
    return run?.isReady ? run.running : 1;
  }

  /** The run and its context; `undefined` until the lifespan has yielded. */
  get current(): { readonly run: Run; readonly context: C } | undefined {
    return this.#current;
  }

  /** Whether the caller is part of the session, so that waiting for its end would deadlock. */
  get isInside(): boolean {
    return sessions.getStore() === this;
  }

  /** Settles when the session has ended. */
  get ended(): Promise<void> {
    return this.#ended ??= sessions.run(this as Session<unknown>, () => this.#serve());
  }

  /**
   * Resolves when nothing is queued or running, the session has ended, or `signal` is aborted.
   *
   * @returns `false` when the session has ended by itself, perhaps before it saw the tasks enqueued last.
   * @throws The error that the session has ended with.
   */
  async drained(signal: AbortSignal | undefined): Promise<boolean> {
    const { shutdownClock: clock } = this.#options;
    const { signal: stop } = this.#stop;
    while (!signal?.aborted && !await this.#current?.run.isDrained()) {
      if (stop.aborted) {
        await this.ended;
        return this.#isStopped;
      }
      await delay(drainInterval, { clock, signal: stop }).catch(() => {});
    }
    return true;
  }

  /** Notifies it that tasks or cron jobs were registered with the worker. */
  registered(): void {
    this.#current?.run.registered();
  }

  /** Begins the shutdown. */
  stop(): void {
    this.#isStopped = true;
    this.#stop.abort();
  }

  async #serve(): Promise<void> {
    const { id, queueName, lifespan, logger, handleSignals, broker } = this.#options;
    let isEndedBySignal = false;
    const unlisten = handleSignals
      ? listenForSignals((name) => {
        logger.info(`worker ${id} is shutting down after ${name}`);
        isEndedBySignal = true;
        this.stop();
      }, { clock: this.#options.shutdownClock })
      : undefined;
    try {
      if (!await this.#connect()) return;
      await withLifespan(lifespan, async (context) => {
        logger.info(`starting worker ${id} for queue ${queueName}`);
        const run = this.#newRun(context);
        this.#current = { run, context };
        await run.until(this.#stop.signal);
      });
    } finally {
      this.#current = undefined;
      this.#stop.abort();
      unlisten?.();
      // The program that was asked to stop may end with run(), and is to exit then.
      if (isEndedBySignal) broker.unref();
    }
  }

  /** Connects; `false` when the session is stopped meanwhile. */
  async #connect(): Promise<boolean> {
    const { signal } = this.#stop;
    try {
      await this.#options.broker.connect({ signal });
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      throw error;
    }
  }

  #newRun(workerContext: C): Run {
    const { id, broker, priorities, idleTimeout, maxPayload, codec } = this.#options;
    // A restart under a fixed id must not share a lease with its predecessor.
    const name = `${id}-${randomId().slice(0, 8)}`;
    const consumer = broker.consumer({
      name,
      priorities,
      idleTimeout,
      maxPayload: maxPayload + codec.overhead,
    });
    return new Run({ ...this.#options, workerId: id, workerContext, consumer });
  }
}
