import { assertEquals } from "@std/assert";
import type { RedisClient } from "../../src/redis/mod.ts";
import { eventually } from "../support/poll.ts";

/**
 * Checks, after the last task, that a queue has left no keys but these: empty streams without pending entries, results,
 * heartbeats, and keys under `:ts:` that expire.
 */
export async function assertClean(redis: RedisClient, queueName: string): Promise<void> {
  await eventually(() => check(redis, `streaq:${queueName}`), { message: `queue ${queueName} is clean` });
}

async function check(redis: RedisClient, prefix: string): Promise<void> {
  for (const key of await keysOf(redis, prefix)) {
    const name = key.slice(prefix.length);
    if (name.startsWith(":queues:delayed:")) {
      assertEquals(await redis.command(["ZCARD", key]), 0, key);
    } else if (name.startsWith(":queues:")) {
      assertEquals(await redis.command(["XLEN", key]), 0, key);
      const [pending] = await redis.command<[number]>(["XPENDING", key, "workers"]);
      assertEquals(pending, 0, `${key} pending`);
    } else if (!name.startsWith(":task:results:")) {
      const isHealth = name.startsWith(":health:") || name.startsWith(":ts:");
      const ttl = await redis.command<number>(["PTTL", key]);
      // -2 means that it has expired since it was listed.
      if (!isHealth || ttl === -1) throw new Error(`Left behind: ${key}`);
    }
  }
}

/** Lists the keys under a prefix. */
export async function keysOf(redis: RedisClient, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  let cursor = "0";
  do {
    const [next, page] = await redis.command<[string, string[]]>([
      "SCAN",
      cursor,
      "MATCH",
      `${prefix}:*`,
      "COUNT",
      1000,
    ]);
    cursor = next;
    keys.push(...page);
  } while (cursor !== "0");
  return [...new Set(keys)];
}
