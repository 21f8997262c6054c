import { createHash } from "node:crypto";
import { ReplyError } from "../resp/errors.ts";
import type { Argument, Reply } from "../resp/reply.ts";
import { adviceFor } from "./failure.ts";
import type { RedisClient } from "./client.ts";
import type { CommandOptions } from "./command.ts";

/**
 * A Lua script. It is sent as its hash, and in full only if the server does not have it in its cache.
 *
 * @example
 * ```ts
 * import { createClient, Script } from "@q/streaq/redis";
 *
 * await using redis = createClient();
 * const add = new Script(`return redis.call("INCRBY", KEYS[1], ARGV[1])`);
 * console.log(await add.run<number>(redis, ["visits"], [2]));
 * ```
 */
export class Script {
  /** The Lua source. */
  readonly source: string;
  /** SHA-1 of the source in 40 hexadecimal digits, which identifies the script on the server. */
  readonly sha: string;

  /**
   * Creates a script. Nothing is sent yet.
   *
   * @param source Lua source.
   */
  constructor(source: string) {
    this.source = source;
    this.sha = createHash("sha1").update(source).digest("hex");
  }

  /**
   * Runs the script.
   *
   * @param client The client, or a dedicated connection.
   * @param keys Values of `KEYS`.
   * @param args Values of `ARGV`.
   * @param options As for {@linkcode RedisClient.command}.
   * @returns The value that the script returns.
   * @throws {ReplyError} If the script fails.
   * @throws {ConnectionError} If there is no connection, or it is lost.
   */
  async run<T extends Reply = Reply>(
    client: Pick<RedisClient, "command">,
    keys: readonly string[],
    args: readonly Argument[] = [],
    options?: CommandOptions,
  ): Promise<T> {
    try {
      return await client.command<T>(["EVALSHA", this.sha, keys.length, ...keys, ...args], options);
    } catch (error) {
      if (!(error instanceof ReplyError) || adviceFor(error) !== "reload") throw error;
      return await client.command<T>(["EVAL", this.source, keys.length, ...keys, ...args], options);
    }
  }
}
