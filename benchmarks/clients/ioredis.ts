import { Redis } from "ioredis";
import type { Connect } from "./client.ts";

export const connect: Connect = async (redisUrl) => {
  const redis = new Redis(redisUrl, { lazyConnect: true });
  await redis.connect();
  return {
    get: (key) => redis.get(key),
    set: (key, value) => redis.set(key, value),
    hgetall: (key) => redis.hgetall(key),
    mget: (keys) => redis.mget([...keys]),
  };
};
