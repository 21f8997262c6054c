import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import type { Lock, Locking } from "../../broker/contract/locking.ts";
import type { Execution } from "./execution.ts";
import { persist } from "./persist.ts";
import { SkippedError } from "./skipped_error.ts";
import { randomId } from "../../base/id.ts";

/** Options of {@linkcode UniqueLocks}. */
export interface UniqueLocksOptions {
  readonly locking: Locking;
  readonly clock: Clock;
  readonly logger: Logger;
  /** When to give up on a broker that does not answer. */
  readonly signal: AbortSignal;
}

/**
 * The locks of the unique tasks that run here. A lock is kept until the function has settled, even if the task finished
 * before, and extended meanwhile; when the worker dies, it expires.
 */
export class UniqueLocks {
  readonly #options: UniqueLocksOptions;
  readonly #held = new Map<Execution, Lock>();

  constructor(options: UniqueLocksOptions) {
    this.#options = options;
  }

  /**
   * Takes the lock of an execution; returns the failure of the task when another one has it.
   *
   * @throws When the signal is aborted.
   */
  async take(execution: Execution): Promise<Error | undefined> {
    const { locking, ...options } = this.#options;
    const { fnName } = execution.definition!;
    const lock: Lock = { fnName, taskId: execution.delivery.taskId, token: randomId() };
    const answer = await persist(() => locking.take(lock), { ...options, what: "Taking a lock" });
    if (answer === null) {
      this.#held.set(execution, lock);
      return undefined;
    }
    if (answer instanceof Error) return answer;
    return new SkippedError(`Task ${fnName} is unique: task ${answer} of this name is running`);
  }

  /** Releases the lock of an execution, if it has one. */
  async release(execution: Execution): Promise<void> {
    const { locking, logger } = this.#options;
    const lock = this.#held.get(execution);
    if (!lock || !this.#held.delete(execution)) return;
    try {
      await locking.release(lock);
    } catch (error) {
      logger.warn(`Cannot release the lock of task ${lock.fnName}, it expires by itself: ${error}`);
    }
  }

  /** Extends all locks. */
  async extend(): Promise<void> {
    const { locking, logger } = this.#options;
    if (this.#held.size === 0) return;
    const held = new Map([...this.#held].map(([execution, lock]) => [lock, execution]));
    for (const lock of await locking.extend([...held.keys()])) {
      if (!this.#held.delete(held.get(lock)!)) continue;
      logger.warn(
        `task ${lock.fnName} ${lock.taskId} was stalled past its lock: another task of this name may run beside it`,
      );
    }
  }
}
