import { createClient } from "redis";
import type { Connect } from "./client.ts";

export const connect: Connect = async (redisUrl) => {
  // With a timeout, as by default, each command has a timer of its own.
  const redis = createClient({ url: redisUrl, RESP: 3, commandOptions: { timeout: undefined } });
  await redis.connect();
  return {
    get: (key) => redis.get(key),
    set: (key, value) => redis.set(key, value),
    hgetall: (key) => redis.hGetAll(key),
    mget: (keys) => redis.mGet([...keys]),
  };
};
