import { type Deferred, deferred } from "../../base/async.ts";
import { StreaqError } from "../../base/errors.ts";
import { spawn } from "./spawn.ts";
import { Thread, type ThreadOwner } from "./thread.ts";

/** Threads that run functions off the event loop. They are started when needed, and kept. */
export class ThreadPool {
  readonly #size: number;
  /** All that have not ended. */
  readonly #threads = new Set<Thread>();
  /** Those that are given out. */
  readonly #taken = new Set<Thread>();
  /** Those that wait for work; the one that worked last is the next to work. */
  readonly #free: Thread[] = [];
  /** Who waits for a thread, in order. */
  readonly #waiting = new Set<Deferred<Thread>>();
  #isClosed = false;

  /** @param options.size How many threads there are at most. */
  constructor({ size }: { size: number }) {
    this.#size = size;
  }

  /**
   * Waits for a free thread, first come first served. It is the caller's until it is released.
   *
   * @throws The signal's reason, when it is aborted first.
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

  /** Ends all threads; whatever runs or waits rejects. */
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
      ended: (thread) => this.#forget(thread),
    };
    const thread = new Thread(spawn(), owner);
    this.#threads.add(thread);
    return thread;
  }

  #release(thread: Thread): void {
    if (!this.#taken.delete(thread)) return;
    if (!thread.isDead) this.#free.push(thread);
    for (const waiter of this.#waiting) {
      if (this.#taken.size === this.#size) return;
      this.#waiting.delete(waiter);
      try {
        waiter.resolve(this.#take());
      } catch (error) {
        // No thread can be started; that is for who wanted it, not for who gave one back.
        waiter.reject(error);
      }
    }
  }

  #forget(thread: Thread): void {
    this.#threads.delete(thread);
    const index = this.#free.indexOf(thread);
    if (index >= 0) this.#free.splice(index, 1);
  }
}

function closed(): StreaqError {
  return new StreaqError("The pool of threads is closed");
}
