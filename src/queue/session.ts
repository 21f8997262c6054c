import { AsyncLocalStorage } from "node:async_hooks";
import { delay } from "../base/async.ts";
import type { Broker } from "../broker/broker.ts";
import type { Calendar } from "./cron/calendar.ts";
import type { Counters } from "./counters.ts";
import type { Definition } from "./definition.ts";
import { withLifespan } from "./lifespan.ts";
import type { Middleware } from "./middleware.ts";
import type { RecordCodec } from "./record.ts";
import { randomId } from "./id.ts";
import { Run } from "./run.ts";
import { listenForSignals } from "./signals.ts";
import type { ResolvedWorkerOptions } from "./worker_options.ts";

/** What a {@linkcode Session} needs of its worker. */
export interface SessionOptions<C> extends ResolvedWorkerOptions<C> {
  readonly broker: Broker;
  readonly codec: RecordCodec;
  readonly calendar: Calendar;
  readonly registry: ReadonlyMap<string, Definition>;
  readonly middleware: readonly Middleware[];
  readonly counters: Counters;
  /** End when nothing is left to do. */
  readonly burst: boolean;
}

/** How often to look whether all is done, in milliseconds. */
const drainInterval = 5;

/** The session that code runs in: its tasks, and its lifespan. */
const sessions = new AsyncLocalStorage<Session<unknown>>();

/** One call of a worker's `run()`, from connecting to the end of the lifespan. */
export class Session<C> {
  readonly #options: SessionOptions<C>;
  readonly #stop = new AbortController();
  /** There as soon as the lifespan has yielded. */
  #current: { readonly run: Run; readonly context: C } | undefined;
  #ended: Promise<void> | undefined;

  constructor(options: SessionOptions<C>) {
    this.#options = options;
  }

  /** What runs, and with which context; `undefined` until the lifespan has yielded. */
  get current(): { readonly run: Run; readonly context: C } | undefined {
    return this.#current;
  }

  /** Whether the caller is part of the session, so that it cannot wait for its end. */
  get isInside(): boolean {
    return sessions.getStore() === this;
  }

  /** Resolves or rejects when it has ended. */
  get ended(): Promise<void> {
    return this.#ended ??= sessions.run(this as Session<unknown>, () => this.#serve());
  }

  /** Resolves when nothing is queued or runs, or it has ended. */
  async drained(): Promise<void> {
    const { shutdownClock: clock } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted && !await this.#current?.run.isDrained()) {
      await delay(drainInterval, { clock, signal }).catch(() => {});
    }
  }

  /** Tells it to stop. */
  stop(): void {
    this.#stop.abort();
  }

  async #serve(): Promise<void> {
    const { id, queueName, lifespan, logger, handleSignals } = this.#options;
    const unlisten = handleSignals
      ? listenForSignals((name) => {
        logger.info(`received signal ${name}, shutting down worker ${id}`);
        this.stop();
      })
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
      unlisten?.();
    }
  }

  /** Connects; `false` when told to stop meanwhile. */
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
    const { id, broker, priorities, idleTimeout } = this.#options;
    // A restart under a fixed id must not share a lease with its predecessor.
    const name = `${id}-${randomId().slice(0, 8)}`;
    const consumer = broker.consumer({ name, priorities, idleTimeout });
    return new Run({ ...this.#options, workerId: id, workerContext, consumer });
  }
}
