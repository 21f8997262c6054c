import { describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { createClient } from "../../src/redis/mod.ts";
import { eventually } from "../support/poll.ts";
import { startRedis } from "../support/redis_server.ts";

describe("RedisClient.listen()", () => {
  it("knows a channel again that was left just before the connection was lost", async () => {
    await using server = await startRedis();
    await using client = createClient(server.url);
    await using other = createClient(server.url);
    let subscribed = 0;
    const listener = { message: () => {}, subscribed: () => void subscribed++ };
    const stop = client.listen("channel", listener);
    await eventually(() => subscribed === 1);
    stop();
    await other.command(["CLIENT", "KILL", "TYPE", "pubsub"]);
    await delay(20);
    client.listen("channel", listener);
    await eventually(() => subscribed === 2);
  });
});
