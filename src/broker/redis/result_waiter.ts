import { type Deferred, deferred } from "../../base/async.ts";
import type { Clock, Timer } from "../../base/clock.ts";
import { adviceFor, type RedisClient, ReplyError } from "../../redis/mod.ts";
import type { Payload } from "../contract/payload.ts";
import type { Keys } from "./keys.ts";
import { isTransient } from "./resending_client.ts";

/** How often the states of awaited tasks are read although no message has arrived, in milliseconds. */
const pollInterval = 10_000;

/** How long a published result may take to arrive, in milliseconds. */
const messageTimeout = 500;

/** An awaited task. */
interface Wait {
  readonly waiters: Set<Deferred<Payload | null>>;
  unlisten(): void;
}

/**
 * Waits for results, which are published when they are stored. A message can get lost, so the state of the task is read
 * too: after each subscription and resubscription, and every 10 seconds.
 */
export class ResultWaiter {
  readonly #redis: RedisClient;
  readonly #keys: Keys;
  readonly #binary: boolean;
  readonly #clock: Clock;
  readonly #text = new TextDecoder();
  readonly #waits = new Map<string, Wait>();
  #poll: Timer | undefined;
  /** Whether a subscription has ever been confirmed; after that, waiters wait out an outage. */
  #wasSubscribed = false;
  #closed: Error | undefined;

  constructor(redis: RedisClient, keys: Keys, { binary, clock }: { binary: boolean; clock: Clock }) {
    this.#redis = redis;
    this.#keys = keys;
    this.#binary = binary;
    this.#clock = clock;
  }

  /** Waits until a task has finished; `null` when the task is unknown, or its result is gone. */
  async wait(taskId: string, signal: AbortSignal | undefined): Promise<Payload | null> {
    signal?.throwIfAborted();
    if (this.#closed) throw this.#closed;
    const wait = this.#waits.get(taskId) ?? this.#listen(taskId);
    const waiter = deferred<Payload | null>();
    wait.waiters.add(waiter);
    const abort = () => {
      wait.waiters.delete(waiter);
      if (wait.waiters.size === 0) this.#remove(taskId);
      waiter.reject(signal!.reason);
    };
    signal?.addEventListener("abort", abort, { once: true });
    try {
      return await waiter.promise;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  /** Rejects present and future waiters. */
  close(reason: Error): void {
    this.#closed ??= reason;
    for (const taskId of [...this.#waits.keys()]) this.#fail(taskId, reason);
  }

  #listen(taskId: string): Wait {
    const unlisten = this.#redis.listen(this.#keys.channel(taskId), {
      message: (result) => this.#settle(taskId, this.#binary ? result : this.#text.decode(result)),
      subscribed: () => {
        this.#wasSubscribed = true;
        void this.#check(taskId);
      },
      failed: (reason) => {
        if (!this.#wasSubscribed || adviceFor(reason) === "refused") this.#fail(taskId, reason);
      },
      closed: (reason) => this.#fail(taskId, reason),
    });
    const wait: Wait = { waiters: new Set(), unlisten };
    this.#waits.set(taskId, wait);
    this.#poll ??= this.#clock.timer(pollInterval, () => this.#pollAll());
    return wait;
  }

  async #check(taskId: string): Promise<void> {
    const wait = this.#waits.get(taskId);
    try {
      // In this order, a task that finishes in between has a result or a completion mark.
      const [exists, result, ended] = await Promise.all([
        this.#redis.command<number>(["EXISTS", this.#keys.data(taskId)]),
        this.#redis.command<Payload | null>(["GET", this.#keys.result(taskId)], { binary: this.#binary }),
        this.#redis.command<number>(["EXISTS", this.#keys.ended(taskId)]),
      ]);
      if (result !== null) this.#settle(taskId, result);
      else if (exists === 1) return;
      else if (ended === 0) this.#settle(taskId, null);
      // The task has just finished, and its result is not kept: the message may still be on its way.
      else this.#clock.timer(messageTimeout, () => this.#waits.get(taskId) === wait && this.#settle(taskId, null));
    } catch (error) {
      // After a lost connection the new subscription checks again, after another transient error the next poll does.
      if (error instanceof ReplyError && !isTransient(error)) this.#fail(taskId, error);
    }
  }

  #pollAll(): void {
    this.#poll = this.#waits.size > 0 ? this.#clock.timer(pollInterval, () => this.#pollAll()) : undefined;
    for (const taskId of this.#waits.keys()) void this.#check(taskId);
  }

  #settle(taskId: string, result: Payload | null): void {
    for (const waiter of this.#remove(taskId)) waiter.resolve(result);
  }

  #fail(taskId: string, reason: unknown): void {
    for (const waiter of this.#remove(taskId)) waiter.reject(reason);
  }

  #remove(taskId: string): Iterable<Deferred<Payload | null>> {
    const wait = this.#waits.get(taskId);
    if (!wait) return [];
    this.#waits.delete(taskId);
    wait.unlisten();
    if (this.#waits.size === 0) {
      this.#poll?.cancel();
      this.#poll = undefined;
    }
    return wait.waiters;
  }
}
