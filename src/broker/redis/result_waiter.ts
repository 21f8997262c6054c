import { type Deferred, deferred } from "../../base/async.ts";
import type { Clock, Timer } from "../../base/clock.ts";
import { adviceFor, type RedisClient, ReplyError } from "../../redis/mod.ts";
import type { Payload } from "../contract/payload.ts";
import type { Keys } from "./keys.ts";

/** How often the state of what is waited for is read although no message came. */
const pollInterval = 10_000;

/** How long a message may be on its way, in milliseconds. */
const messagePatience = 500;

/** One task whose end somebody waits for. */
interface Wait {
  readonly waiters: Set<Deferred<Payload | null>>;
  unlisten(): void;
}

/**
 * Waits for results. A result travels in the message that announces it. A message can get lost, so the state is read
 * too: when the subscription is confirmed, after every new one, and every 10 seconds.
 */
export class ResultWaiter {
  readonly #redis: RedisClient;
  readonly #keys: Keys;
  readonly #binary: boolean;
  readonly #clock: Clock;
  readonly #text = new TextDecoder();
  readonly #waits = new Map<string, Wait>();
  #poll: Timer | undefined;
  /** Whether a subscription was ever confirmed: from then on an outage is waited out. */
  #isProven = false;
  #closed: Error | undefined;

  constructor(redis: RedisClient, keys: Keys, { binary, clock }: { binary: boolean; clock: Clock }) {
    this.#redis = redis;
    this.#keys = keys;
    this.#binary = binary;
    this.#clock = clock;
  }

  /** Waits for the end of a task; `null` when there is none to wait for, or its result is gone. */
  async wait(taskId: string, signal: AbortSignal | undefined): Promise<Payload | null> {
    signal?.throwIfAborted();
    if (this.#closed) throw this.#closed;
    const wait = this.#waits.get(taskId) ?? this.#listen(taskId);
    const waiter = deferred<Payload | null>();
    wait.waiters.add(waiter);
    const abort = () => {
      wait.waiters.delete(waiter);
      if (wait.waiters.size === 0) this.#end(taskId);
      waiter.reject(signal!.reason);
    };
    signal?.addEventListener("abort", abort, { once: true });
    try {
      return await waiter.promise;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  /** Rejects all that waits, and all that will. */
  close(reason: Error): void {
    this.#closed ??= reason;
    for (const taskId of [...this.#waits.keys()]) this.#fail(taskId, reason);
  }

  #listen(taskId: string): Wait {
    const unlisten = this.#redis.listen(this.#keys.channel(taskId), {
      message: (result) => this.#settle(taskId, this.#binary ? result : this.#text.decode(result)),
      subscribed: () => {
        this.#isProven = true;
        void this.#check(taskId);
      },
      failed: (reason) => {
        if (!this.#isProven || adviceFor(reason) === "refused") this.#fail(taskId, reason);
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
      // In this order: a task that ends in between is seen by the second.
      const [exists, result, ended] = await Promise.all([
        this.#redis.command<number>(["EXISTS", this.#keys.data(taskId)]),
        this.#redis.command<Payload | null>(["GET", this.#keys.result(taskId)], { binary: this.#binary }),
        this.#redis.command<number>(["EXISTS", this.#keys.ended(taskId)]),
      ]);
      if (result !== null) this.#settle(taskId, result);
      else if (exists === 1) return;
      else if (ended === 0) this.#settle(taskId, null);
      // It has just ended and is not kept: the message may still be on its way.
      else this.#clock.timer(messagePatience, () => this.#waits.get(taskId) === wait && this.#settle(taskId, null));
    } catch (error) {
      // A connection that was lost comes back, and with it the subscription; only the server's word is final.
      if (error instanceof ReplyError) this.#fail(taskId, error);
    }
  }

  #pollAll(): void {
    this.#poll = this.#waits.size > 0 ? this.#clock.timer(pollInterval, () => this.#pollAll()) : undefined;
    for (const taskId of this.#waits.keys()) void this.#check(taskId);
  }

  #settle(taskId: string, result: Payload | null): void {
    for (const waiter of this.#end(taskId)) waiter.resolve(result);
  }

  #fail(taskId: string, reason: unknown): void {
    for (const waiter of this.#end(taskId)) waiter.reject(reason);
  }

  #end(taskId: string): Iterable<Deferred<Payload | null>> {
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
