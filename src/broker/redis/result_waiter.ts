import { createHash } from "node:crypto";
import { onAbort } from "../../base/abort.ts";
import { type Deferred, deferred } from "../../base/async.ts";
import type { Clock, Timer } from "../../base/clock.ts";
import { adviceFor, type RedisClient, ReplyError } from "../../redis/mod.ts";
import type { Payload } from "../contract/payload.ts";
import type { Keys } from "./keys.ts";
import { ReplyChannel } from "./reply_channel.ts";
import { isTransient } from "./resending_client.ts";

/** How often the states of awaited tasks are read although no message has arrived, in milliseconds. */
const pollInterval = 10_000;

/** The same while the server refuses subscriptions. */
const deafPollInterval = 1000;

/** How long a published result may take to arrive, in milliseconds. */
const messageTimeout = 500;

/** How long after a transient error the state of a task is read again, in milliseconds. */
const retryPause = 500;

/** Maximum number of published results, the latest ones, that are kept until the state of their task was read. */
const messageLimit = 8;

/** An awaited task. */
interface Wait {
  readonly waiters: Set<Deferred<Payload | null>>;
  /** Results that were published, by their SHA-1; any client may have published them. */
  readonly messages: Map<string, Uint8Array>;
  /** Whether the state is being read, and whether it is to be read once more after that. */
  check: "none" | "running" | "again";
  unlisten(): void;
}

/**
 * Waits for results, which are published when they are stored.
 *
 * The results of this producer's own tasks arrive on its {@linkcode ReplyChannel}. For all other tasks, a message is only a
 * reason to read the state of the task: channels belong to a server, not to a database, and any client may publish. A
 * result that is not stored is taken from the message whose digest is in the completion mark. A message can get lost, so
 * the state is also read after each subscription and resubscription, and every 10 seconds.
 */
export class ResultWaiter {
  readonly #redis: RedisClient;
  readonly #keys: Keys;
  readonly #binary: boolean;
  readonly #clock: Clock;
  readonly #text = new TextDecoder();
  readonly #waits = new Map<string, Wait>();
  /** Receives the results of this producer's own tasks. */
  readonly replies: ReplyChannel;
  #poll: Timer | undefined;
  /** Whether a subscription has ever been confirmed; after that, waiters wait out an outage. */
  #wasSubscribed = false;
  /** Whether the server refuses subscriptions. */
  #isDeaf = false;
  #closed: Error | undefined;

  constructor(redis: RedisClient, keys: Keys, { binary, clock }: { binary: boolean; clock: Clock }) {
    this.#redis = redis;
    this.#keys = keys;
    this.#binary = binary;
    this.#clock = clock;
    const own = () => [...this.#waits.keys()].filter((taskId) => this.replies.owns(taskId));
    this.replies = new ReplyChannel(redis, keys, {
      clock,
      events: {
        hasWaiters: () => this.#waits.size > 0,
        received: (taskId, result, mayChange) => this.#received(taskId, result, mayChange),
        opened: () => {
          this.#wasSubscribed = true;
          this.#isDeaf = false;
          for (const taskId of own()) this.#check(taskId);
        },
        failed: (reason) => {
          for (const taskId of own()) this.#failed(taskId, reason);
          // The next waiter is to learn it, too.
          if (own().length === 0) void this.replies.close();
        },
        closed: (reason) => {
          for (const taskId of own()) this.#fail(taskId, reason);
        },
      },
    });
  }

  /** Waits until a task has finished; `null` when the task is unknown, or its result is gone. */
  async wait(taskId: string, signal: AbortSignal | undefined): Promise<Payload | null> {
    signal?.throwIfAborted();
    if (this.#closed) throw this.#closed;
    const early = this.replies.take(taskId);
    if (early) return this.#payload(early);
    const wait = this.#waits.get(taskId) ?? this.#listen(taskId);
    const waiter = deferred<Payload | null>();
    wait.waiters.add(waiter);
    if (!signal) return await waiter.promise;
    const forget = onAbort(signal, () => {
      wait.waiters.delete(waiter);
      if (wait.waiters.size === 0) this.#remove(taskId);
      waiter.reject(signal.reason);
    });
    try {
      return await waiter.promise;
    } finally {
      forget();
    }
  }

  /** Rejects present and future waiters at once; resolves when no more results are sent here. */
  async close(reason: Error): Promise<void> {
    this.#closed ??= reason;
    for (const taskId of [...this.#waits.keys()]) this.#fail(taskId, reason);
    await this.replies.close();
  }

  #listen(taskId: string): Wait {
    const wait: Wait = { waiters: new Set(), messages: new Map(), check: "none", unlisten: () => {} };
    const isOwn = this.replies.owns(taskId);
    // Throws if the client is closed; then nothing waits.
    if (!isOwn) wait.unlisten = this.#subscribe(taskId, wait);
    const isOpen = isOwn && this.replies.open();
    this.#waits.set(taskId, wait);
    this.#poll ??= this.#clock.timer(this.#pollInterval, () => this.#pollAll());
    if (isOpen && !this.replies.expects(taskId)) this.#check(taskId);
    return wait;
  }

  #subscribe(taskId: string, wait: Wait): () => void {
    return this.#redis.listen(this.#keys.channel(taskId), {
      message: (result) => this.#checkMessage(taskId, wait, result),
      subscribed: () => {
        this.#wasSubscribed = true;
        this.#isDeaf = false;
        this.#check(taskId);
      },
      failed: (reason) => this.#failed(taskId, reason),
      closed: (reason) => this.#fail(taskId, reason),
    });
  }

  /** A result has arrived on the reply channel; returns whether anything has waited for it. */
  #received(taskId: string, result: Uint8Array | null, mayChange: boolean): boolean {
    const wait = this.#waits.get(taskId);
    if (!wait) return false;
    if (!result) this.#check(taskId);
    // The message may have been on its way while the task was retried.
    else if (mayChange) this.#checkMessage(taskId, wait, result.slice());
    else this.#settle(taskId, this.#payload(result));
    return true;
  }

  /** Reads the state of a task whose result was published. */
  #checkMessage(taskId: string, { messages }: Wait, result: Uint8Array): void {
    if (messages.size === messageLimit) messages.delete(messages.keys().next().value!);
    messages.set(digestOf(result), result);
    this.#check(taskId);
  }

  /** There is no subscription. */
  #failed(taskId: string, reason: Error): void {
    if (reason instanceof ReplyError) return this.#becomeDeaf(taskId);
    if (!this.#wasSubscribed || adviceFor(reason) === "refused") this.#fail(taskId, reason);
  }

  /** The server can be reached, but refuses the subscription: the state is read more often. */
  #becomeDeaf(taskId: string): void {
    this.#check(taskId);
    if (this.#isDeaf) return;
    this.#isDeaf = true;
    this.#poll?.cancel();
    this.#poll = this.#clock.timer(deafPollInterval, () => this.#pollAll());
  }

  #payload(result: Uint8Array): Payload {
    return this.#binary ? result : this.#text.decode(result);
  }

  /** Reads the state of a task, once more if it is being read already. */
  #check(taskId: string): void {
    const wait = this.#waits.get(taskId);
    if (!wait) return;
    if (wait.check === "none") void this.#runChecks(taskId, wait);
    else wait.check = "again";
  }

  async #runChecks(taskId: string, wait: Wait): Promise<void> {
    do {
      wait.check = "running";
      await this.#readState(taskId, wait);
    } while ((wait.check as Wait["check"]) === "again" && this.#waits.get(taskId) === wait);
    wait.check = "none";
  }

  async #readState(taskId: string, wait: Wait): Promise<void> {
    const messages = [...wait.messages.keys()];
    try {
      // In this order, a task that finishes in between has a result or a completion mark.
      const [exists, result, mark] = await Promise.all([
        this.#redis.command<number>(["EXISTS", this.#keys.data(taskId)]),
        this.#redis.command<Payload | null>(["GET", this.#keys.result(taskId)], { binary: this.#binary }),
        this.#redis.command<string | null>(["GET", this.#keys.ended(taskId)]),
      ]);
      if (this.#waits.get(taskId) !== wait) return;
      const published = mark === null ? undefined : wait.messages.get(digestIn(mark));
      if (result !== null) {
        this.#settle(taskId, result);
      } else if (exists === 1) {
        // A result is published after it was stored, so these were none.
        for (const message of messages) wait.messages.delete(message);
      } else if (published) {
        this.#settle(taskId, this.#payload(published));
      } else if (mark === null) {
        this.#settle(taskId, null);
      } else {
        // The task has just finished, and its result is not kept: the message may still be on its way.
        this.#clock.timer(messageTimeout, () => this.#waits.get(taskId) === wait && this.#settle(taskId, null));
      }
    } catch (error) {
      // After a lost connection the new subscription checks again.
      if (!(error instanceof ReplyError)) return;
      if (!isTransient(error)) return this.#fail(taskId, error);
      this.#clock.timer(retryPause, () => this.#waits.get(taskId) === wait && this.#check(taskId));
    }
  }

  get #pollInterval(): number {
    return this.#isDeaf ? deafPollInterval : pollInterval;
  }

  #pollAll(): void {
    this.#poll = this.#waits.size > 0 ? this.#clock.timer(this.#pollInterval, () => this.#pollAll()) : undefined;
    for (const taskId of this.#waits.keys()) this.#check(taskId);
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

function digestOf(message: Uint8Array): string {
  return createHash("sha1").update(message).digest("hex");
}

/** The digest in a completion mark, `<1 or 0> <digest or -> <cause>`. */
function digestIn(mark: string): string {
  return mark.split(" ", 2)[1] ?? "";
}
