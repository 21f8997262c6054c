import { adviceFor, type RedisClient, ReplyError } from "../../redis/mod.ts";
import { group, type Keys } from "./keys.ts";

/** The consumer groups of a queue, one for each stream. */
export class ConsumerGroups {
  readonly #redis: RedisClient;
  readonly #streams: readonly string[];

  constructor(redis: RedisClient, keys: Keys, priorities: readonly string[]) {
    this.#redis = redis;
    this.#streams = priorities.map((priority) => keys.stream(priority));
  }

  /** Makes those that are not there, and their streams. */
  async create(): Promise<void> {
    await Promise.all(this.#streams.map((stream) => this.#create(stream)));
  }

  /** Makes the groups again when they are gone, with all data or by hand, and repeats what failed for the lack of them. */
  async within<T>(operation: () => Promise<T>): Promise<T> {
    try {
      return await operation();
    } catch (error) {
      if (adviceFor(error) !== "regroup") throw error;
      await this.create();
      return await operation();
    }
  }

  async #create(stream: string): Promise<void> {
    try {
      await this.#redis.command(["XGROUP", "CREATE", stream, group, "0", "MKSTREAM"]);
    } catch (error) {
      if (error instanceof ReplyError && error.code === "BUSYGROUP") return;
      if (adviceFor(error) !== "full") throw error;
      // A server whose memory is full refuses before it looks; asking tells whether the group is there.
      await this.#redis.command(["XPENDING", stream, group]).catch(() => Promise.reject(error));
    }
  }
}
