import { createClient } from "../../src/redis/mod.ts";
import type { Connect } from "./client.ts";

export const connect: Connect = async (redisUrl) => {
  const redis = createClient(redisUrl);
  await redis.connect();
  return {
    get: (key) => redis.command(["GET", key]),
    set: (key, value) => redis.command(["SET", key, value]),
    hgetall: (key) => redis.command(["HGETALL", key]),
    mget: (keys) => redis.command(["MGET", ...keys]),
  };
};
