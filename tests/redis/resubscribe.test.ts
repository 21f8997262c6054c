import { describe, it } from "node:test";
import { createClient } from "../../src/redis/mod.ts";
import { ManualClock } from "../base/manual_clock.ts";
import { eventually } from "../support/poll.ts";
import { startRedis } from "../support/redis_server.ts";

describe("RedisClient.listen()", () => {
  it("subscribes again to a channel that was left just before the connection was lost", async () => {
    await using server = await startRedis();
    // The clock stands still, so that the channel is not unsubscribed before the connection is lost.
    const clock = new ManualClock();
    await using client = createClient(server.url, { clock });
    await using other = createClient(server.url);
    let subscribed = 0;
    const listener = { message: () => {}, subscribed: () => void subscribed++ };
    const stop = client.listen("channel", listener);
    await eventually(() => subscribed === 1);
    stop();
    await other.command(["CLIENT", "KILL", "TYPE", "pubsub"]);
    await eventually(() => clock.pending === 0, { message: "the client has noticed the loss" });
    client.listen("channel", listener);
    await eventually(() => subscribed === 2);
  });
});
