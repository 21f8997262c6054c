/**
 * Which commands Redis executes for plain tasks, inside of scripts and outside: exactly these. A capability that plain
 * tasks do not use must not add any. The tables may only change on purpose.
 */
import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { randomId } from "../../src/base/id.ts";
import type { Delivery } from "../../src/broker/contract/delivery.ts";
import type { Keys } from "../../src/broker/redis/keys.ts";
import { finish } from "../../src/broker/redis/scripts/end/finish.ts";
import { publish } from "../../src/broker/redis/scripts/enqueue/publish.ts";
import { read } from "../../src/broker/redis/scripts/lease/read.ts";
import { start } from "../../src/broker/redis/scripts/lease/start.ts";
import { turn } from "../../src/broker/redis/scripts/lease/turn.ts";
import { Scene } from "./scene.ts";

const scene = new Scene();
const taskCount = 1000;
const ttl = 300_000;
const hour = 3_600_000;
const consumer = { name: "one-00000000", priorities: ["normal"], idleTimeout: 60_000 };
const options = { binary: false };
const search = { known: [], quarantined: 1, dead: [], cursors: new Map<string, string>() };

/** Of 1,000 tasks, 50 at a time. */
const batched = {
  del: 20,
  evalsha: 80,
  exists: 80,
  hdel: 40,
  hmget: 20,
  hset: 20,
  lpush: 20,
  mget: 20,
  mset: 20,
  pttl: 20,
  publish: 1000,
  set: 1000,
  time: 40,
  xack: 20,
  xadd: 1000,
  xdel: 20,
  xpending: 40,
  xreadgroup: 20,
};

/** Of 1,000 tasks, one at a time. */
const single = {
  del: 1000,
  evalsha: 4000,
  exists: 3000,
  hdel: 2000,
  hget: 1000,
  hmget: 1000,
  hset: 1000,
  lpush: 1000,
  mget: 1000,
  pttl: 1000,
  publish: 1000,
  set: 2000,
  time: 2000,
  xack: 1000,
  xadd: 1000,
  xdel: 1000,
  xpending: 1000,
  xreadgroup: 1000,
};

/** Of a drain of 1,000 tasks, 50 at a time. The last turn finds none. */
const drained = {
  del: 20,
  evalsha: 21,
  exists: 62,
  hdel: 41,
  hmget: 20,
  hset: 20,
  lpush: 20,
  mget: 20,
  pttl: 20,
  publish: 1000,
  set: 1000,
  time: 21,
  xack: 20,
  xdel: 20,
  xpending: 20,
  xreadgroup: 21,
};

function newTasks(count: number) {
  return Array.from({ length: count }, () => ({ id: randomId(), priority: "normal", data: "data", isFresh: true }));
}

function completionsOf(deliveries: readonly Delivery[], outcome = { success: true, ttl }) {
  return deliveries.map((delivery) => ({ delivery, result: "result", ...outcome }));
}

/** Enqueues, reads, starts and finishes tasks, so many at a time. */
async function roundTrips(keys: Keys, count: number, batch: number): Promise<void> {
  const { redis } = scene;
  for (let done = 0; done < count; done += batch) {
    await publish(redis, keys, newTasks(batch));
    const { deliveries } = await read(redis, keys, consumer, batch, search);
    await start(redis, keys, consumer.name, deliveries, options);
    const { ends } = await finish(redis, keys, consumer.name, completionsOf(deliveries));
    assertEquals(ends, deliveries.map(() => true));
  }
}

/** Finishes and starts tasks that are queued, so many at a time, as a worker does in a drain. */
async function drain(keys: Keys, batch: number): Promise<void> {
  let running: readonly Delivery[] = [];
  do {
    const outcome = await turn(scene.redis, keys, { ...consumer, ...options }, completionsOf(running), batch);
    assertEquals(outcome.ends, running.map(() => true));
    running = outcome.deliveries;
  } while (running.length > 0);
}

/** Keeps the failure of one task. */
async function keepOneFailure(keys: Keys): Promise<void> {
  const { redis } = scene;
  await publish(redis, keys, newTasks(1));
  const { deliveries } = await read(redis, keys, consumer, 1, search);
  await start(redis, keys, consumer.name, deliveries, options);
  const failure = { success: false, ttl, keep: hour };
  await finish(redis, keys, consumer.name, completionsOf(deliveries, failure));
  assertEquals(await redis.command(["ZCARD", keys.failures]), 1);
}

/** Runs some tasks: the first call of each script loads it, and the first results create the list of the most recent. */
async function prepare(keys: Keys, run: () => Promise<void>): Promise<void> {
  await run();
  // Otherwise its expiry is prolonged whenever a millisecond has passed.
  assertEquals(await scene.redis.command(["PEXPIRE", keys.recent, hour]), 1);
}

/** How often each command is called meanwhile. */
async function commandsOf(action: () => Promise<void>): Promise<Record<string, number>> {
  const { redis } = scene;
  await redis.command(["CONFIG", "RESETSTAT"]);
  await action();
  const info = await redis.command<string>(["INFO", "commandstats"]);
  const calls = [...info.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)].map(([, name, count]) => [name!, Number(count)]);
  return Object.fromEntries(calls.filter(([name]) => !/^(config|info|ping)/.test(String(name))).sort());
}

describe("the commands for plain tasks", () => {
  it("are these for 1,000 tasks, 50 at a time", async () => {
    const keys = await scene.newQueue();
    await prepare(keys, () => roundTrips(keys, 50, 50));
    assertEquals(await commandsOf(() => roundTrips(keys, taskCount, 50)), batched);
  });

  it("are these for 1,000 tasks, one at a time", async () => {
    const keys = await scene.newQueue();
    await prepare(keys, () => roundTrips(keys, 1, 1));
    assertEquals(await commandsOf(() => roundTrips(keys, taskCount, 1)), single);
  });

  it("are these for a drain of 1,000 tasks, 50 at a time, also with a kept failure in the queue", async () => {
    for (const hasFailure of [false, true]) {
      const keys = await scene.newQueue();
      if (hasFailure) await keepOneFailure(keys);
      await prepare(keys, async () => {
        await publish(scene.redis, keys, newTasks(50));
        await drain(keys, 50);
      });
      for (let stored = 0; stored < taskCount; stored += 50) await publish(scene.redis, keys, newTasks(50));
      assertEquals(await commandsOf(() => drain(keys, 50)), drained, hasFailure ? "with a kept failure" : "without");
    }
  });
});
