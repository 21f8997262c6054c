import { AsyncLocalStorage } from "node:async_hooks";
import { delay } from "../../base/async.ts";
import type { Activity } from "../../base/clock.ts";
import { StreaqError } from "../../base/errors.ts";
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
export class Session<C> implements Activity {
  readonly #options: SessionOptions<C>;
  readonly #stop = new AbortController();
  /** There as soon as the lifespan has yielded. */
  #current: { readonly run: Run; readonly context: C } | undefined;
  #ended: Promise<void> | undefined;

  constructor(options: SessionOptions<C>) {
    this.#options = options;
    options.clock.watch?.(this);
  }

  /** See {@linkcode Activity}: a session that starts counts like a function that runs. */
  get running(): number {
    if (!this.#ended || this.#stop.signal.aborted) return 0;
    const run = this.#current?.run;
    return run?.isReady ? run.running : 1;
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

  /**
   * Resolves when nothing is queued or runs, or it has ended.
   *
   * @throws What it has ended with.
   */
  async drained(): Promise<void> {
    const { id, shutdownClock: clock } = this.#options;
    const { signal } = this.#stop;
    if (this.isInside) throw new StreaqError(`Could not drain a worker from one of its tasks: ${id}`);
    while (!await this.#current?.run.isDrained()) {
      if (signal.aborted) return await this.ended;
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
      this.#stop.abort();
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
