import { randomId } from "../../base/id.ts";
import type { Clock, Timer } from "../../base/clock.ts";
import type { Listener, RedisClient } from "../../redis/mod.ts";
import type { Keys } from "./keys.ts";
import { earlyReplyTime, tagLength } from "./scripts/lua/results.ts";

/** How long producers stay registered without a sign of life, in milliseconds. */
const registrationTtl = 60_000;
/** After how many milliseconds without a waiter a producer receives no more results. */
const idleTime = 10_000;
/** How often the channel is checked, and its registration renewed, in milliseconds. */
const watchInterval = 5000;
/** How many results are kept that have arrived before anything waits for them. */
const earlyLimit = 1000;
/** Maximum number of tasks that are remembered because their result will arrive. */
const expectedLimit = 10_000;
/** At how many registrations a producer looks with each renewal, to delete those of dead producers. */
const sweepSize = 100;
/** How long a producer that closes its channel waits for the answer, in milliseconds. */
const farewellTimeout = 500;
/** Length of a generated id. */
const idLength = 32;
const blank = 0x20;
const decoder = new TextDecoder();

/** A result that has arrived; `null` in place of a long one. */
type Reply = Uint8Array | null;

/** Events of a {@linkcode ReplyChannel}. */
export interface ReplyChannelEvents extends Required<Pick<Listener, "failed" | "closed">> {
  /** Whether anything waits for results. */
  hasWaiters(): boolean;
  /**
   * Returns whether anything has waited for the result.
   *
   * @param mayChange Whether it is a failure whose task can be retried, or was retried since.
   */
  received(taskId: string, result: Reply, mayChange: boolean): boolean;
  /** Results arrive from now on; those of tasks that have finished before do not. */
  opened(): void;
}

/**
 * The channel on which a producer receives the results of its own tasks, so that it needs neither a subscription nor a
 * command for each task. The ids of its tasks begin with a tag, and while the producer waits for results, the tag is
 * registered together with the name of the channel.
 *
 * The name of the channel consists of random digits that no id shows, so a result that arrives on it is trusted. The
 * channel is `closed`, `opening` until it is subscribed to and registered, and then `open`.
 */
export class ReplyChannel {
  /** Beginning of the ids of this producer's tasks. */
  readonly tag: string = randomId().slice(0, tagLength);
  readonly #redis: RedisClient;
  readonly #keys: Keys;
  readonly #clock: Clock;
  readonly #events: ReplyChannelEvents;
  readonly #name = randomId().slice(0, 16);
  #state: "closed" | "opening" | "open" = "closed";
  /** Stops listening; `undefined` while the channel is closed. */
  #unlisten: (() => void) | undefined;
  #timer: Timer | undefined;
  /** When the last waiter was there, by the monotonic clock. */
  #waitTime = 0;
  /** When registrations of dead producers were last looked for, by the same clock. */
  #sweepTime = 0;
  /** Whether the server may have the registration. */
  #isRegistered = false;
  /** Tasks that were sent while the channel was open, and whose result has not arrived. */
  readonly #expected = new Set<string>();
  readonly #early = new Map<string, { readonly result: Reply; readonly time: number }>();

  constructor(redis: RedisClient, keys: Keys, { clock, events }: { clock: Clock; events: ReplyChannelEvents }) {
    this.#redis = redis;
    this.#keys = keys;
    this.#clock = clock;
    this.#events = events;
  }

  /** Whether this producer generated an id. */
  owns(taskId: string): boolean {
    return taskId.length === idLength && taskId.startsWith(this.tag);
  }

  /** Notes tasks that are about to be sent. */
  expect(tasks: readonly { readonly id: string }[]): void {
    if (this.#state !== "open") return;
    for (const { id: taskId } of tasks) {
      if (!this.owns(taskId)) continue;
      if (this.#expected.size === expectedLimit) this.#expected.delete(this.#expected.values().next().value!);
      this.#expected.add(taskId);
    }
  }

  /** Notes that the result of a task may not arrive after all. */
  forget(taskId: string): void {
    this.#expected.delete(taskId);
  }

  /** Whether the result of a task will arrive, unless the connection is lost. */
  expects(taskId: string): boolean {
    return this.#expected.has(taskId);
  }

  /** Takes a result that has arrived already; `undefined` if there is none. */
  take(taskId: string): Uint8Array | undefined {
    const early = this.#early.get(taskId);
    if (!early) return undefined;
    this.#early.delete(taskId);
    const isRecent = this.#clock.monotonic() < early.time + earlyReplyTime;
    return isRecent && early.result !== null ? early.result : undefined;
  }

  /**
   * Opens the channel, or keeps it open: something waits for a result. Returns whether it is open already.
   *
   * @throws {ConnectionError} If the client is closed.
   */
  open(): boolean {
    this.#waitTime = this.#clock.monotonic();
    if (this.#state !== "closed") return this.#state === "open";
    this.#unlisten = this.#redis.listen(this.#keys.replies(this.#name), {
      message: (message) => this.#receive(message),
      subscribed: () => void this.#register(),
      failed: (reason) => this.#events.failed(reason),
      closed: (reason) => {
        // The next waiter is to learn it, too.
        this.#isRegistered = false;
        void this.close();
        this.#events.closed(reason);
      },
      isIdle: () => !this.#events.hasWaiters(),
    });
    this.#state = "opening";
    return false;
  }

  /** Closes the channel; resolves when it is no longer registered, or that cannot be known. */
  async close(): Promise<void> {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#unlisten?.();
    this.#unlisten = undefined;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#expected.clear();
    this.#early.clear();
    if (!this.#isRegistered) return;
    this.#isRegistered = false;
    // Where this fails, the registration expires.
    await this.#redis.command(["HDEL", this.#keys.producers, this.tag], { timeout: farewellTimeout }).catch(() => {});
  }

  /** After each new subscription, results may have been missed. */
  async #register(): Promise<void> {
    this.#state = "opening";
    this.#expected.clear();
    const isRegistered = await this.#renew();
    if (this.#unlisten === undefined) return;
    if (isRegistered) this.#state = "open";
    this.#events.opened();
    this.#timer ??= this.#clock.timer(watchInterval, () => this.#watch(), { ref: false });
  }

  /** Renews the registration; returns whether that was possible. */
  async #renew(): Promise<boolean> {
    const { producers } = this.#keys;
    this.#isRegistered = true;
    try {
      const [added] = await Promise.all([
        this.#redis.command<number>(["HSET", producers, this.tag, this.#name]),
        this.#redis.command(["PEXPIRE", producers, registrationTtl]),
      ]);
      if (added === 1) this.#expected.clear();
      // It was lost, and with it the results of tasks that have finished meanwhile.
      if (added === 1 && this.#state === "open") this.#events.opened();
      return true;
    } catch {
      return false;
    }
  }

  #watch(): void {
    const time = this.#clock.monotonic();
    this.#timer = undefined;
    if (this.#events.hasWaiters()) this.#waitTime = time;
    if (time >= this.#waitTime + idleTime) return void this.close();
    this.#timer = this.#clock.timer(watchInterval, () => this.#watch(), { ref: false });
    if (this.#state === "opening") return void this.#register();
    void this.#renew();
    if (time < this.#sweepTime + registrationTtl / 3) return;
    this.#sweepTime = time;
    // The next one tries again.
    this.#sweep().catch(() => {});
  }

  /**
   * Deletes registrations of producers that died. They expire only together with those of living ones, and some programs
   * start a producer for each request. A living one that it takes for dead, as it has just lost its connection,
   * registers again.
   */
  async #sweep(): Promise<void> {
    const { producers } = this.#keys;
    const tags = await this.#redis.command<string[]>(["HRANDFIELD", producers, sweepSize]);
    const names = await this.#redis.command<(string | null)[]>(["HMGET", producers, ...tags]);
    // A message without replies; the answer is how many clients have received it.
    const receivers = await Promise.all(names.map((name) => {
      return name === null ? null : this.#redis.command<number>(["PUBLISH", this.#keys.replies(name), ""]);
    }));
    const dead = tags.filter((_, i) => receivers[i] === 0);
    if (dead.length > 0) await this.#redis.command(["HDEL", producers, ...dead]);
  }

  #receive(message: Uint8Array): void {
    for (const { taskId, result, isKept, mayChange } of repliesIn(message)) {
      this.#expected.delete(taskId);
      if (this.#events.received(taskId, result, mayChange) || !isKept) continue;
      if (this.#early.size === earlyLimit) this.#early.delete(this.#early.keys().next().value!);
      // A copy: the view would keep the whole message.
      this.#early.set(taskId, { result: result && result.slice(), time: this.#clock.monotonic() });
    }
  }
}

/** Reads the replies in a message, see `announceResults`. */
function* repliesIn(
  message: Uint8Array,
): Generator<{ taskId: string; result: Reply; isKept: boolean; mayChange: boolean }> {
  let place = 0;
  const number = () => {
    const end = message.indexOf(blank, place);
    const value = Number(decoder.decode(message.subarray(place, end)));
    place = end + 1;
    return value;
  };
  while (place < message.length) {
    const [idSize, size, kind] = [number(), number(), number()];
    const taskId = decoder.decode(message.subarray(place, place += idSize));
    const result = size < 0 ? null : message.subarray(place, place += size);
    yield { taskId, result, isKept: kind === 1, mayChange: kind === 2 };
  }
}
