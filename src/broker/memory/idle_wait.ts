import { type Deferred, deferred } from "../../base/async.ts";
import type { Timer } from "../../base/clock.ts";
import type { MemoryQueue } from "./memory_queue.ts";

/** One worker's wait for tasks, until its time is over or somebody ends it. */
export class IdleWait {
  readonly #queue: MemoryQueue;
  readonly #priorities: readonly string[];
  readonly #timer: Timer;
  #roused: Deferred<void> | undefined;
  #isOver = false;

  constructor(queue: MemoryQueue, priorities: readonly string[], ms: number) {
    this.#queue = queue;
    this.#priorities = priorities;
    this.#timer = queue.clock.timer(ms, () => this.end(), { ref: false });
  }

  /** Whether there is to be no more waiting. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Waits until there may be a task; `false` when it is over. */
  async untilRoused(): Promise<boolean> {
    if (this.#isOver) return false;
    const roused = this.#roused = deferred<void>();
    const stop = this.#queue.sleep({ priorities: this.#priorities, wake: roused.resolve });
    await roused.promise;
    stop();
    return !this.#isOver;
  }

  /** Ends it. */
  end(): void {
    this.#isOver = true;
    this.#timer.cancel();
    this.#roused?.resolve();
  }
}
