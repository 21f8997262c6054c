import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { type Clock, systemClock } from "../../../src/base/clock.ts";
import type { ConsumerOptions } from "../../../src/broker/contract/consumer.ts";
import type { Keys } from "../../../src/broker/redis/keys.ts";
import { RedisConsumer } from "../../../src/broker/redis/redis_consumer.ts";
import { release } from "../../../src/broker/redis/scripts/lease/release.ts";
import { type RedisClient, ReplyError } from "../../../src/redis/mod.ts";
import { ManualClock } from "../../base/manual_clock.ts";
import { Scene } from "../scene.ts";

const scene = new Scene();

/** A consumer for tasks without dependents. */
function consumerOn(redis: RedisClient, keys: Keys, options: ConsumerOptions & { clock?: Clock }): RedisConsumer {
  const reader = { hasSucceeded: () => true, failDependent: () => ({ result: "", ttl: null }) };
  return new RedisConsumer(redis, keys, { clock: systemClock, ...options, binary: false, reader });
}

describe("RedisConsumer", () => {
  it("membership.renew() renews more leases than Lua can unpack", async () => {
    const { redis } = scene;
    const { keys, consumer, lease } = await scene.rig(Array.from({ length: 8100 }, (_, i) => `task-${i}`));
    const deliveries = await lease("one");
    assertEquals(deliveries.length, 8100);
    const holder = consumerOn(redis, keys, consumer("one"));
    const { lost } = await holder.membership.renew(deliveries, { workerId: "one", summary: "", versions: new Map() });
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

  it("leasing.read() takes nothing from a consumer that it has not watched since its search began", async () => {
    const { redis } = scene;
    const { keys, consumer, lease } = await scene.rig(["one", "two", "three"]);
    const deliveries = await lease("holder");
    await release(redis, keys, "holder", deliveries.slice(0, 2));
    const clock = new ManualClock();
    const { leasing } = consumerOn(redis, keys, { ...consumer("other"), clock });
    const options = { inFlight: [], quarantined: 1 };
    const found = await leasing.read(1, { ...options, takeover: "first" });
    assertEquals([found.deliveries.map(({ taskId }) => taskId), found.unfinished], [["one"], true]);
    // It was busy for longer than the idle timeout.
    await clock.advance(60_001);
    const rest = await leasing.read(5, { ...options, inFlight: found.deliveries, takeover: "continue" });
    assertEquals(rest.deliveries.map(({ taskId }) => taskId), ["two"]);
  });
});
