import type { RedisClient } from "../../redis/mod.ts";

/** Sends commands and scripts: a client, a connection of its own, or a client that resends. */
export type CommandSender = Pick<RedisClient, "command">;
