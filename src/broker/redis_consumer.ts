import { delay } from "../base/async.ts";
import type { Clock } from "../base/clock.ts";
import { adviceFor, type DedicatedClient, type RedisClient, ReplyError } from "../redis/mod.ts";
import type {
  BrokenEntry,
  Consumer,
  ConsumerOptions,
  Delivery,
  Ending,
  Read,
  Renewal,
  SignOfLife,
  Start,
  Waiting,
} from "./broker.ts";
import { group, type Keys } from "./keys.ts";
import { discard } from "./scripts/discard.ts";
import { sortEntries, streams } from "./scripts/entries.ts";
import { finish } from "./scripts/finish.ts";
import { leave } from "./scripts/leave.ts";
import { type Cursors, read } from "./scripts/read.ts";
import { release } from "./scripts/release.ts";
import { renew } from "./scripts/renew.ts";
import { start } from "./scripts/start.ts";

/** How much later than its end a blocking read is given up, with its connection, in milliseconds. */
const overdue = 5000;
/** How long to wait before unblocking again a read that had not begun to block, in milliseconds. */
const unblockAgain = 5;
/** How long a read may take to end that was unblocked, in milliseconds; then its connection is taken for dead. */
const unblockPatience = 2000;

/** A worker's access to a queue on Redis: scripts on the shared connection, blocking reads on one of its own. */
export class RedisConsumer implements Consumer {
  readonly #redis: RedisClient;
  readonly #keys: Keys;
  readonly #options: ConsumerOptions;
  readonly #binary: boolean;
  readonly #clock: Clock;
  readonly #cursors: Cursors = new Map();
  /** The largest of the living workers; it counts for all. */
  #idleTimeout: number;
  #blocking: DedicatedClient | undefined;
  /** The wait that is under way. */
  #wait: symbol | undefined;
  /** The wait that was last asked to end. */
  #unblocking: symbol | undefined;

  constructor(
    redis: RedisClient,
    keys: Keys,
    { binary, clock, ...options }: ConsumerOptions & { readonly binary: boolean; readonly clock: Clock },
  ) {
    this.#redis = redis;
    this.#keys = keys;
    this.#options = options;
    this.#binary = binary;
    this.#clock = clock;
    this.#idleTimeout = options.idleTimeout;
  }

  async join({ signal }: Waiting = {}): Promise<void> {
    const created = await Promise.allSettled(this.#options.priorities.map((priority) => {
      const stream = this.#keys.stream(priority);
      return this.#redis.command(["XGROUP", "CREATE", stream, group, "0", "MKSTREAM"], { signal });
    }));
    for (const answer of created) {
      if (answer.status === "fulfilled") continue;
      if (!(answer.reason instanceof ReplyError) || answer.reason.code !== "BUSYGROUP") throw answer.reason;
    }
  }

  async read(
    count: number,
    { takeover, held }: { takeover: boolean; held: Iterable<Delivery> },
  ): Promise<Read> {
    const options = { ...this.#options, idleTimeout: this.#idleTimeout };
    return await this.#inGroup(() =>
      read(this.#redis, this.#keys, options, count, { takeover, held, cursors: this.#cursors })
    );
  }

  async wait(count: number, ms: number): Promise<Read> {
    const { name, priorities } = this.#options;
    const names = priorities.toReversed();
    const keys = names.map((priority) => this.#keys.stream(priority));
    const found: Read = { deliveries: [], broken: [], unfinished: false };
    const wait = this.#wait = Symbol();
    try {
      const blocking = this.#blocking ??= await this.#redis.dedicated();
      const reply = await this.#inGroup(() =>
        blocking.command(
          // dprint-ignore
          ["XREADGROUP", "GROUP", group, name, "COUNT", count, "BLOCK", ms, "STREAMS", ...keys, ...keys.map(() => ">")],
          { timeout: ms + overdue },
        )
      );
      for (const [key, entries] of streams(reply)) sortEntries(found, names[keys.indexOf(key)]!, entries);
      return found;
    } catch (error) {
      // A dedicated connection does not come back; the next wait opens another.
      if (!(error instanceof ReplyError)) await this.#closeBlocking();
      throw error;
    } finally {
      if (this.#wait === wait) this.#wait = undefined;
    }
  }

  wake(): void {
    if (this.#wait && this.#wait !== this.#unblocking) void this.#unblock(this.#unblocking = this.#wait);
  }

  onWake(listener: () => void): () => void {
    return this.#redis.listen(this.#keys.wake, { message: listener, subscribed: listener });
  }

  async start(deliveries: readonly Delivery[]): Promise<Start[]> {
    return await this.#inGroup(() =>
      start(this.#redis, this.#keys, this.#options.name, deliveries, { binary: this.#binary })
    );
  }

  async finish(endings: readonly Ending[]): Promise<boolean[]> {
    return await this.#inGroup(() => finish(this.#redis, this.#keys, this.#options.name, endings));
  }

  async renew(held: readonly Delivery[], life: SignOfLife): Promise<Renewal> {
    const renewal = await this.#inGroup(() => renew(this.#redis, this.#keys, this.#options, held, life));
    this.#idleTimeout = renewal.idleTimeout;
    return renewal;
  }

  async release(deliveries: readonly Delivery[]): Promise<void> {
    await this.#inGroup(() => release(this.#redis, this.#keys, this.#options.name, deliveries));
  }

  async discard(entries: readonly BrokenEntry[]): Promise<void> {
    await this.#inGroup(() => discard(this.#redis, this.#keys, entries));
  }

  async leave({ workerId }: SignOfLife): Promise<void> {
    // The blocking connection first: a read that still waits would lease an entry after the goodbye.
    await this.#closeBlocking();
    await this.#inGroup(() => leave(this.#redis, this.#keys, this.#options, workerId));
  }

  /** Makes the group again when it is gone, with all data or by hand, and repeats what failed for the lack of it. */
  async #inGroup<T>(operation: () => Promise<T>): Promise<T> {
    try {
      return await operation();
    } catch (error) {
      if (adviceFor(error) !== "regroup") throw error;
      await this.join();
      return await operation();
    }
  }

  /** Unblocks from the outside, because a read that is cut off may have been answered already, and the answer be lost. */
  async #unblock(wait: symbol): Promise<void> {
    try {
      const giveUpTime = this.#clock.now() + unblockPatience;
      while (this.#wait === wait && this.#clock.now() < giveUpTime) {
        const id = this.#blocking?.clientId;
        // The answer is 0 while the read is still on its way, or its end.
        if (id !== undefined) await this.#redis.command(["CLIENT", "UNBLOCK", id], { timeout: unblockPatience });
        await delay(unblockAgain, { clock: this.#clock });
      }
    } catch {
      // Not allowed, or no connection: the same as unblocking in vain.
    }
    // What the read leased, if anything, comes back when the consumer leaves, or when the lease has run out.
    if (this.#wait === wait) await this.#closeBlocking();
  }

  async #closeBlocking(): Promise<void> {
    const blocking = this.#blocking;
    this.#blocking = undefined;
    await blocking?.close();
  }
}
