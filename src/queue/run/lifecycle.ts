import { onAbort } from "../../base/abort.ts";
import { abortable } from "../../base/async.ts";
import { StreaqError } from "../../base/errors.ts";
import { isImportOnly } from "../context/import_only.ts";
import { Session, type SessionOptions } from "./session.ts";

/** Options of a {@linkcode Lifecycle}. */
export type LifecycleOptions<C> = Omit<SessionOptions<C>, "burst">;

/** A session that calls of `drain()` share. */
interface Shared<C> {
  readonly session: Session<C>;
  /** How many calls wait for its end. */
  calls: number;
}

/** The sessions of a worker, one at a time, until it is closed. */
export class Lifecycle<C> {
  readonly #options: LifecycleOptions<C>;
  /** The current session; `undefined` when the worker is not running. */
  #session: Session<C> | undefined;
  /** The current session, if `drain()` has begun it. */
  #shared: Shared<C> | undefined;
  #closed: Promise<void> | undefined;

  constructor(options: LifecycleOptions<C>) {
    this.#options = options;
  }

  /** The run and its context; `undefined` when the worker is not running. */
  get current(): Session<C>["current"] {
    return this.#session?.current;
  }

  /** Notifies the worker that cron jobs were registered. */
  registered(): void {
    this.#session?.registered();
  }

  /** @throws {StreaqError} When the worker is closed. */
  checkOpen(): void {
    if (this.#closed) throw new StreaqError(`Cannot use worker ${this.#options.id}: it is closed`);
  }

  /** See `Worker.run()`. */
  async run({ signal, burst }: { signal: AbortSignal | undefined; burst: boolean }): Promise<void> {
    if (isImportOnly()) return;
    this.checkOpen();
    if (this.#session) throw new StreaqError(`Cannot run worker ${this.#options.id}: it is already running`);
    if (signal?.aborted) return;
    const session = this.#begin(burst);
    const forget = signal && onAbort(signal, () => session.stop());
    try {
      await session.ended;
    } finally {
      forget?.();
    }
  }

  /** See `Worker.drain()`. */
  async drain(signal: AbortSignal | undefined): Promise<void> {
    if (isImportOnly()) return;
    if (!this.#session) this.checkOpen();
    if (this.#session?.isInside) {
      throw new StreaqError(`Cannot drain worker ${this.#options.id} from one of its own tasks`);
    }
    while (true) {
      signal?.throwIfAborted();
      if (await this.#drainSession(signal) || this.#closed) return;
      // Without this look, short drains that overlap would often begin a session that has nothing to do.
      if (await this.#options.broker.size({ includeScheduled: true }) === 0) return;
    }
  }

  /** Stops the worker and releases what it holds. A session that closes its own worker does not wait for its end. */
  async close(): Promise<void> {
    // In a thread, functions of the module may enqueue after its top level has finished.
    if (isImportOnly()) return;
    this.#closed ??= this.#close();
    if (!this.#session?.isInside) await this.#closed;
    else this.#closed.catch(() => {});
  }

  #begin(burst: boolean): Session<C> {
    const { middleware } = this.#options;
    const session = this.#session = new Session({ ...this.#options, middleware: [...middleware], burst });
    const forget = (): void => {
      this.#session = undefined;
      this.#shared = undefined;
    };
    session.ended.then(forget, forget);
    return session;
  }

  /**
   * Drains the current session, or one that it begins.
   *
   * @returns `false` when the session ended before it could see all tasks that had been enqueued before the call.
   * @throws The signal's reason, after the end of a session that it has stopped.
   */
  async #drainSession(signal: AbortSignal | undefined): Promise<boolean> {
    if (!this.#session) return await this.#share(this.#shared = { session: this.#begin(true), calls: 0 }, signal);
    if (!this.#shared) return await abortable(this.#session.drained(signal), signal);
    if (this.#shared.calls > 0) return await this.#share(this.#shared, signal);
    // The calls that shared it have stopped it.
    await abortable(this.#session.ended, signal);
    return false;
  }

  /** Waits for the end of a session that calls of `drain()` share. The last one whose signal is aborted stops it. */
  async #share(shared: Shared<C>, signal: AbortSignal | undefined): Promise<boolean> {
    const { session } = shared;
    const isFirst = shared.calls++ === 0;
    try {
      const isDrained = isFirst || await abortable(session.drained(signal), signal);
      await abortable(session.ended, signal);
      return isDrained;
    } finally {
      if (--shared.calls === 0 && this.#shared === shared) {
        session.stop();
        await session.ended;
      }
    }
  }

  async #close(): Promise<void> {
    const session = this.#session;
    session?.stop();
    // The caller of run() gets its error.
    await session?.ended.catch(() => {});
    await this.#options.broker.close();
  }
}
