import { StreaqError } from "../../base/errors.ts";
import type { Lock, Locking } from "../contract/locking.ts";
import type { ConsumerState } from "./consumer_state.ts";
import { isPermanent } from "./redis_completing.ts";
import { ResendingClient } from "./resending_client.ts";
import { extendLocks, releaseLock, takeLock } from "./scripts/lock/lock.ts";

/** Locks the unique functions of a queue on Redis. */
export class RedisLocking implements Locking {
  readonly #state: ConsumerState;

  constructor(state: ConsumerState) {
    this.#state = state;
  }

  async take(lock: Lock): Promise<string | null | Error> {
    const { redis, keys, idleTimeout } = this.#state;
    try {
      return await takeLock(redis, keys, lock, idleTimeout);
    } catch (error) {
      if (!isPermanent(error)) throw error;
      return new StreaqError(`Cannot take lock ${keys.lock(lock.fnName)}: Redis refuses it`, { cause: error });
    }
  }

  async extend(locks: readonly Lock[]): Promise<Lock[]> {
    const { redis, keys, idleTimeout } = this.#state;
    return await extendLocks(redis, keys, locks, idleTimeout);
  }

  async release(lock: Lock): Promise<void> {
    const { redis, keys, options } = this.#state;
    // Safe to send again: the token identifies the run.
    await releaseLock(new ResendingClient(redis, options), keys, lock);
  }
}
