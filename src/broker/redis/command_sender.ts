import type { RedisClient } from "../../redis/mod.ts";

/** Anything that sends commands and scripts: a client, a dedicated connection, or a client that sends them again. */
export type CommandSender = Pick<RedisClient, "command">;
