import { type Deferred, deferred } from "../../base/async.ts";
import type { Timer } from "../../base/clock.ts";
import type { MemoryQueue } from "./memory_queue.ts";

/** One worker's wait for new tasks. It ends after `ms` milliseconds, or when it is stopped. */
export class IdleWait {
  readonly #queue: MemoryQueue;
  readonly #priorities: readonly string[];
  readonly #timer: Timer;
  #woken: Deferred<void> | undefined;
  #isOver = false;

  constructor(queue: MemoryQueue, priorities: readonly string[], ms: number) {
    this.#queue = queue;
    this.#priorities = priorities;
    this.#timer = queue.clock.timer(ms, () => this.stop(), { ref: false });
  }

  /** Whether the wait has ended. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /**
   * Waits until a task is queued.
   *
   * @returns `false` when the wait has ended instead.
   */
  async forTask(): Promise<boolean> {
    if (this.#isOver) return false;
    const woken = this.#woken = deferred<void>();
    const remove = this.#queue.addIdleWorker({ priorities: this.#priorities, wake: woken.resolve });
    await woken.promise;
    remove();
    return !this.#isOver;
  }

  /** Ends the wait early. */
  stop(): void {
    this.#isOver = true;
    this.#timer.cancel();
    this.#woken?.resolve();
  }
}
