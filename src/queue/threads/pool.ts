import { type Deferred, deferred } from "../../base/async.ts";
import { systemClock } from "../../base/clock.ts";
import { StreaqError } from "../../base/errors.ts";
import { spawn } from "./spawn.ts";
import { Thread, type ThreadOwner } from "./thread.ts";

/** How long a thread may take to start and to import a module, in milliseconds. The timeout of a task starts after that. */
export const loadTimeout = 10_000;

/** Threads that run functions off the event loop. They are started on demand, and kept. */
export class ThreadPool {
  readonly #size: number;
  readonly #loadTimeout: number;
  /** Threads that have not exited. */
  readonly #threads = new Set<Thread>();
  /** Threads that callers hold. */
  readonly #taken = new Set<Thread>();
  /** Idle threads; the one that was released last is taken first. */
  readonly #free: Thread[] = [];
  /** Callers that wait for a thread, in order. */
  readonly #waiting = new Set<Deferred<Thread>>();
  #isClosed = false;

  /**
   * @param options.size The number of threads at most.
   * @param options.loadTimeout How long a thread may take to load a module, in milliseconds.
   */
  constructor(options: { size: number; loadTimeout?: number }) {
    this.#size = options.size;
    this.#loadTimeout = options.loadTimeout ?? loadTimeout;
  }

  /**
   * Waits for a free thread, first come, first served. The caller holds it until it is released.
   *
   * @throws The signal's reason, when the signal aborts first.
   * @throws {StreaqError} When the pool is closed.
   */
  async acquire(signal?: AbortSignal): Promise<Thread> {
    signal?.throwIfAborted();
    if (this.#isClosed) throw closed();
    if (this.#taken.size < this.#size) return this.#take();
    const waiter = deferred<Thread>();
    this.#waiting.add(waiter);
    const abort = () => {
      if (this.#waiting.delete(waiter)) waiter.reject(signal!.reason);
    };
    signal?.addEventListener("abort", abort, { once: true });
    try {
      return await waiter.promise;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  /** Terminates all threads. Calls that are running and callers that are waiting reject. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const waiter of this.#waiting) waiter.reject(closed());
    this.#waiting.clear();
    for (const thread of this.#threads) thread.terminate(closed());
    await Promise.all([...this.#threads].map(({ exited }) => exited));
  }

  #take(): Thread {
    const thread = this.#free.pop() ?? this.#start();
    this.#taken.add(thread);
    return thread;
  }

  #start(): Thread {
    const owner: ThreadOwner = {
      released: (thread) => this.#release(thread),
      exited: (thread) => this.#remove(thread),
    };
    // Not the worker's clock: an import takes real time, also when a test owns the worker's.
    const thread = new Thread({ start: spawn, owner, loadTimeout: this.#loadTimeout, clock: systemClock });
    this.#threads.add(thread);
    return thread;
  }

  #release(thread: Thread): void {
    if (!this.#taken.delete(thread)) return;
    if (!thread.isDead) this.#free.push(thread);
    for (const waiter of this.#waiting) {
      if (this.#taken.size === this.#size) return;
      this.#waiting.delete(waiter);
      waiter.resolve(this.#take());
    }
  }

  #remove(thread: Thread): void {
    this.#threads.delete(thread);
    const index = this.#free.indexOf(thread);
    if (index >= 0) this.#free.splice(index, 1);
  }
}

function closed(): StreaqError {
  return new StreaqError("Cannot use a thread: the pool is closed");
}
