import { StreaqError } from "../../base/errors.ts";
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

  /** Creates missing groups and their streams. */
  async create(): Promise<void> {
    await Promise.all(this.#streams.map((stream) => this.#create(stream)));
  }

  /** Runs an operation; if a group is missing, as after a loss of all data, creates it and runs the operation again. */
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
      if (adviceFor(error) === "fail") {
        throw new StreaqError(`Cannot create a consumer group of stream ${stream}: Redis refuses it`, { cause: error });
      }
      if (adviceFor(error) !== "full") throw error;
      // When memory is full, Redis refuses before it checks whether the group exists. A read command shows whether it
      // does.
      await this.#redis.command(["XPENDING", stream, group]).catch(() => Promise.reject(error));
    }
  }
}
