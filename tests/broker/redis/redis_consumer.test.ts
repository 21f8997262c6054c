import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { systemClock } from "../../../src/base/clock.ts";
import type { ConsumerOptions } from "../../../src/broker/contract/consumer.ts";
import type { Keys } from "../../../src/broker/redis/keys.ts";
import { RedisConsumer } from "../../../src/broker/redis/redis_consumer.ts";
import { type RedisClient, ReplyError } from "../../../src/redis/mod.ts";
import { Scene } from "../scene.ts";

const scene = new Scene();

/** A consumer for tasks without dependents. */
function consumerOn(redis: RedisClient, keys: Keys, options: ConsumerOptions): RedisConsumer {
  const reader = { hasSucceeded: () => true, failDependent: () => ({ result: "", ttl: null }) };
  return new RedisConsumer(redis, keys, { ...options, binary: false, clock: systemClock, reader });
}

describe("RedisConsumer", () => {
  it("membership.renew() renews more leases than Lua can unpack", async () => {
    const { redis } = scene;
    const { keys, consumer, lease } = await scene.rig(Array.from({ length: 8100 }, (_, i) => `task-${i}`));
    const deliveries = await lease("one");
    assertEquals(deliveries.length, 8100);
    const holder = consumerOn(redis, keys, consumer("one"));
    const { lost } = await holder.membership.renew(deliveries, { workerId: "one", summary: "", names: [] });
    assertEquals(lost, []);
  });

  it("completing.finish() stores the other results when Redis refuses one for good", async () => {
    const { redis } = scene;
    const { keys, consumer, lease } = await scene.rig(["one", "two", "three", "four"]);
    const deliveries = await lease("one");
    const picky = {
      listen: redis.listen.bind(redis),
      command: (args: Parameters<RedisClient["command"]>[0]) =>
        args.includes("poison") ? Promise.reject(new ReplyError("ERR refused")) : redis.command(args),
    } as unknown as RedisClient;
    const holder = consumerOn(picky, keys, consumer("one"));
    const completions = deliveries.map((delivery, i) => (
      { delivery, success: true, result: i === 2 ? "poison" : "fine", ttl: 60_000 }
    ));
    const [first, second, third, fourth] = await holder.completing.finish(completions);
    assertEquals([first, second, fourth], [true, true, true]);
    assertEquals(String(third), "ReplyError: ERR refused");
  });
});
