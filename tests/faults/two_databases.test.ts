/** Channels belong to a server, not to a database: queues of the same name in two databases share all of them. */
import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { systemClock } from "../../src/base/clock.ts";
import type { Broker } from "../../src/broker/contract/broker.ts";
import type { QueueEvent } from "../../src/broker/contract/membership.ts";
import { Keys } from "../../src/broker/redis/keys.ts";
import { RedisBroker } from "../../src/broker/redis/redis_broker.ts";
import { createClient, type RedisClient } from "../../src/redis/mod.ts";
import { Scene } from "../broker/scene.ts";
import { eventually } from "../support/poll.ts";
import { settled } from "../support/promises.ts";

const scene = new Scene();
const ttl = 60_000;
let queues = 0;

/** Queues of the same name in two databases of one server, each with a task `17`. */
async function withDatabases(
  use: (brokers: { staging: Broker; production: Broker; keys: Keys; redis: RedisClient }) => Promise<void>,
): Promise<void> {
  const keys = new Keys(`shared-${queues++}`);
  await using redis = createClient(`${scene.server.url}/0`);
  await using other = createClient(`${scene.server.url}/1`);
  await using staging = brokerOn(redis, keys);
  await using production = brokerOn(other, keys);
  for (const broker of [staging, production]) await broker.publish([{ id: "17", data: "data", priority: "normal" }]);
  await use({ staging, production, keys, redis });
}

function brokerOn(redis: RedisClient, { prefix }: Keys): RedisBroker {
  const reader = { hasSucceeded: () => true, failDependent: () => ({ result: "failed", ttl }) };
  const options = { priorities: ["normal"], binary: false, reader, clock: systemClock };
  return new RedisBroker({ ...options, redis, ownsRedis: false, queueName: prefix.slice("streaq:".length) });
}

function consumerOf(broker: Broker, name: string) {
  return broker.consumer({ name, priorities: ["normal"], idleTimeout: 60_000 });
}

/** Finishes the only queued task, and returns whether that counted. */
async function finish(broker: Broker, result: string, resultTtl: number): Promise<unknown> {
  const { leasing, completing, membership } = consumerOf(broker, "worker");
  await membership.join({ workerId: "worker", summary: "", versions: new Map() });
  const read = { takeover: "none", inFlight: [], quarantined: 1 } as const;
  const { deliveries: [delivery] } = await leasing.read(1, read);
  await leasing.start([delivery!]);
  return await completing.finish([{ delivery: delivery!, success: true, result, ttl: resultTtl }]);
}

describe("queues of the same name in two databases", () => {
  for (const kept of [ttl, 0]) {
    it(`do not exchange results that are kept for ${kept} ms`, async () => {
      await withDatabases(async ({ staging, production }) => {
        const results = [staging.result("17"), production.result("17")] as const;
        await eventually(async () => {
          const channels = await scene.redis.command<[string, number]>([
            "PUBSUB",
            "NUMSUB",
            `streaq:shared-${queues - 1}:channels:17`,
          ]);
          return Number(channels[1]) === 2;
        });
        assertEquals(await finish(staging, "staging", kept), [true]);
        assertEquals(await results[0], "staging");
        assertEquals(await settled(results[1], 100), "pending");
        assertEquals(await finish(production, "production", kept), [true]);
        assertEquals(await results[1], "production");
      });
    });
  }

  it("do not exchange aborts", async () => {
    await withDatabases(async ({ staging, production }) => {
      const result = production.result("17");
      assertEquals(await staging.abort({ taskId: "17", result: "aborted", ttl, mark: "mark" }), true);
      assertEquals(await settled(result, 100), "pending");
      assertEquals([await staging.state("17"), await production.state("17")], ["done", "queued"]);
      assertEquals(await finish(production, "production", ttl), [true]);
      assertEquals(await result, "production");
    });
  });

  it("do not exchange occurrences of their schedules", async () => {
    await withDatabases(async ({ staging, production }) => {
      const placement = { priority: "normal", timeZone: "UTC" };
      const time = Date.now() - 1000;
      const next = { taskId: "second", data: "data", time: Date.now() + 3_600_000 };
      for (const broker of [staging, production]) {
        const schedule = { name: "job", isStatic: true, expression: "* * * * *", data: "data", ...placement };
        assertEquals(await broker.schedule(schedule, { taskId: "first", data: "data", time }), "created");
      }
      for (const broker of [staging, production]) {
        const { scheduling } = consumerOf(broker, "worker");
        assertEquals((await scheduling.tick([{ name: "job", time, next, ...placement }])).enqueued, 1);
        assertEquals([await broker.state("first"), await broker.state("second")], ["scheduled", "scheduled"]);
      }
    });
  });
});

describe("messages that were published by hand", () => {
  it("change no result, whether it is kept or not", async () => {
    for (const kept of [ttl, 0]) {
      await withDatabases(async ({ staging, keys, redis }) => {
        const result = staging.result("17");
        const publish = async (count: number) => {
          for (let n = 0; n < count; n++) await redis.command(["PUBLISH", keys.channel("17"), `wrong ${n}`]);
        };
        await eventually(async () => await redis.command<number>(["PUBLISH", keys.channel("17"), "wrong"]) === 1);
        await publish(20);
        assertEquals(await settled(result, 100), "pending");
        const finished = finish(staging, "right", kept);
        await publish(20);
        assertEquals(await finished, [true]);
        await publish(3);
        assertEquals(await result, "right");
      });
    }
  });

  it("on the wake channel are only reasons to look", async () => {
    await withDatabases(async ({ staging, keys, redis }) => {
      const { membership } = consumerOf(staging, "worker");
      const events: QueueEvent[] = [];
      const unlisten = membership.onEvent((event) => void events.push(event));
      await eventually(() => events.some(({ kind }) => kind === "connected"));
      for (const message of ["aborted 17", "due 0", "due x", "joined", "released", "", "x"]) {
        await redis.command(["PUBLISH", keys.wake, message]);
      }
      await eventually(() => events.length >= 8);
      unlisten();
      assertEquals(await staging.state("17"), "queued");
    });
  });
});
