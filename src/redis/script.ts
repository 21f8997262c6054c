import { createHash } from "node:crypto";
import { ReplyError } from "../resp/errors.ts";
import type { Argument, Reply } from "../resp/reply.ts";
import { adviceFor } from "./failure.ts";
import type { RedisClient } from "./client.ts";
import type { CommandOptions } from "./command.ts";

/**
 * A Lua script that is sent as its hash, and in full only where the server does not know it (any more).
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
  /** The text of the script. */
  readonly source: string;
  /** The SHA-1 of the text, 40 hexadecimal digits: its name on the server. */
  readonly sha: string;

  /**
   * Makes a script; nothing is sent yet.
   *
   * @param source Lua.
   */
  constructor(source: string) {
    this.source = source;
    this.sha = createHash("sha1").update(source).digest("hex");
  }

  /**
   * Runs the script.
   *
   * @param client Where to run it: the client, or a dedicated connection.
   * @param keys What the script finds in `KEYS`.
   * @param args What the script finds in `ARGV`.
   * @param options As for {@linkcode RedisClient.command}.
   * @returns What the script returns.
   * @throws {ReplyError} When the script fails.
   * @throws {ConnectionError} When the connection is lost.
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
