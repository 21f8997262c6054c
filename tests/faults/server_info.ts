import type { RedisClient } from "../../src/redis/mod.ts";

/** Number of clients that wait in a blocking read, on the whole server. */
export async function blockedClients(redis: RedisClient): Promise<number> {
  return Number(/blocked_clients:(\d+)/.exec(await redis.command<string>(["INFO", "clients"]))![1]);
}

/** How often each command ran since the server started or `CONFIG RESETSTAT`, by the name in lower case. */
export async function commandCalls(redis: RedisClient): Promise<Map<string, number>> {
  const text = await redis.command<string>(["INFO", "commandstats"]);
  return new Map([...text.matchAll(/cmdstat_(\S+?):calls=(\d+)/g)].map(([, name, count]) => [name!, Number(count)]));
}

/** How often a script ran since the server started or `CONFIG RESETSTAT`. */
export async function scriptCalls(redis: RedisClient): Promise<number> {
  return (await commandCalls(redis)).get("evalsha") ?? 0;
}
