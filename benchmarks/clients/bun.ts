import type { Client, Connect } from "./client.ts";

/** The client that is part of Bun. */
interface BunRedis extends Client {
  connect(): Promise<void>;
  mget(...keys: unknown[]): Promise<unknown>;
}

declare const Bun: { readonly RedisClient: new (url: string) => BunRedis };

export const connect: Connect = async (redisUrl) => {
  const redis = new Bun.RedisClient(redisUrl);
  await redis.connect();
  return {
    get: (key) => redis.get(key),
    set: (key, value) => redis.set(key, value),
    hgetall: (key) => redis.hgetall(key),
    mget: (keys) => redis.mget(...keys),
  };
};
