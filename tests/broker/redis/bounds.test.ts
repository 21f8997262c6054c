/** No call holds Redis for long, however much there is to do. */
import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import type { CommandSender } from "../../../src/broker/redis/command_sender.ts";
import { Listing } from "../../../src/broker/redis/listing.ts";
import { type DependentFailure, fanOut } from "../../../src/broker/redis/scripts/dependents/fan_out.ts";
import { leave } from "../../../src/broker/redis/scripts/lease/leave.ts";
import { tidy, tidyStart } from "../../../src/broker/redis/scripts/lease/tidy.ts";
import type { RedisClient } from "../../../src/redis/mod.ts";
import { Scene } from "../scene.ts";

const scene = new Scene();

/** A client that keeps the commands that it sends. */
function recording(): { redis: CommandSender; commands: Parameters<RedisClient["command"]>[0][] } {
  const commands: Parameters<RedisClient["command"]>[0][] = [];
  const command = (...args: Parameters<RedisClient["command"]>) => {
    commands.push(args[0]);
    return scene.redis.command(...args);
  };
  return { redis: { command } as CommandSender, commands };
}

describe("fanOut()", () => {
  it("counts the edges that it removes, not only the dependents", async () => {
    const { redis } = scene;
    const keys = await scene.newQueue();
    const dependents = Array.from({ length: 40 }, (_, n) => `dependent-${n}`);
    for (const id of dependents) {
      const others = Array.from({ length: 999 }, (_, n) => `other-${n}`);
      await redis.command(["SET", keys.data(id), "data"]);
      await redis.command(["SADD", keys.dependencies(id), "failed", ...others]);
    }
    for (let n = 0; n < 999; n++) void redis.command(["SADD", keys.dependents(`other-${n}`), ...dependents]);
    await redis.command(["HSET", keys.waiting, ...dependents.flatMap((id) => [id, "normal"])]);
    await redis.command(["SADD", keys.fanOut("failed"), ...dependents]);
    await redis.command(["HSET", keys.fanOuts, "failed", "0 failed"]);

    // More than one call may handle.
    const failure = { dependency: "failed", result: "failed", ttl: 60_000 };
    let failures: readonly DependentFailure[] = dependents.map((taskId) => ({ ...failure, taskId }));
    let [total, calls] = [0, 0];
    for (; total < dependents.length; calls++) {
      const reply = await fanOut(redis, keys, failures, { binary: false });
      assert(reply.failed <= 3, `${reply.failed} dependents with 1,000 edges each failed in one call`);
      assert(reply.failing.length <= 3, `${reply.failing.length} dependents were loaded for the next call`);
      total += reply.failed;
      failures = reply.failing.map(({ taskId }) => ({ ...failure, taskId }));
      assert(reply.failed > 0, "each call makes progress");
    }
    assertEquals(total, dependents.length);
    assertEquals((await fanOut(redis, keys, [], { binary: false })).listed, 0);
    assertEquals(await redis.command(["EXISTS", keys.waiting, keys.dependents("other-0")]), 0);
  });
});

describe("leave()", () => {
  it("releases many entries in several calls, also those that were deleted from their stream", async () => {
    const { keys, consumer, lease } = await scene.rig(Array.from({ length: 1200 }, (_, n) => `task-${n}`));
    const deliveries = await lease("one");
    const deleted = deliveries.slice(0, 3).map(({ entryId }) => entryId);
    await scene.redis.command(["XDEL", keys.stream("normal"), ...deleted]);
    const { redis, commands } = recording();
    await leave(redis, keys, consumer("one"), "one", []);
    assertEquals(commands.filter(([name]) => name === "EVALSHA").length, 3);
    const consumers = await scene.redis.command<unknown[] & []>([
      "XINFO",
      "CONSUMERS",
      keys.stream("normal"),
      "workers",
    ]);
    assertEquals(consumers.length, 1, "only the consumer of released entries is left");
    assertEquals((await scene.redis.command<[number]>(["XPENDING", keys.stream("normal"), "workers"]))[0], 1197);
  });
});

describe("tidy()", () => {
  it("removes a dead worker behind many living ones", async () => {
    const { redis } = scene;
    const { keys, consumer } = await scene.rig([]);
    const living = Array.from({ length: 500 }, (_, n) => `a-${n}`);
    await redis.command(["ZADD", keys.workers, ...[...living, "z-dead"].flatMap((id) => [60_000, id])]);
    await redis.command(["MSET", ...living.flatMap((id) => [keys.health(id), "alive"])]);
    let cursors = tidyStart;
    do cursors = await tidy(redis, keys, consumer("one"), cursors); while (cursors.workers !== 0);
    assertEquals(await redis.command(["ZSCORE", keys.workers, "z-dead"]), null);
    assertEquals(await redis.command(["ZCARD", keys.workers]), living.length);
  });
});

describe("Listing", () => {
  it("recent() loads at most 50 results in one call", async () => {
    const keys = await scene.newQueue();
    const ids = Array.from({ length: 230 }, (_, n) => `task-${n}`);
    await scene.redis.command(["RPUSH", keys.recent, ...ids]);
    await scene.redis.command(["MSET", ...ids.flatMap((id) => [keys.result(id), `result of ${id}`])]);
    const { redis, commands } = recording();
    const listing = new Listing(redis, keys, { priorities: ["normal"], binary: false });
    assertEquals(await listing.recent(220), ids.slice(0, 220).map((id) => [id, `result of ${id}`]));
    const sizes = commands.filter(([name]) => name === "MGET").map((command) => command.length - 1);
    assertEquals(sizes, [50, 50, 50, 50, 30]);
  });

  it("schedules() loads at most 50 records in one call", async () => {
    const keys = await scene.newQueue();
    const names = Array.from({ length: 120 }, (_, n) => `job-${String(n).padStart(3, "0")}`);
    await scene.redis.command(["ZADD", keys.scheduleTimes, ...names.flatMap((name, n) => [n, name])]);
    await scene.redis.command(["HSET", keys.scheduleExpressions, ...names.flatMap((name) => [name, "* * * * *"])]);
    await scene.redis.command(["MSET", ...names.flatMap((name) => [keys.scheduleData(name), `data of ${name}`])]);
    const { redis, commands } = recording();
    const listing = new Listing(redis, keys, { priorities: ["normal"], binary: false });
    assertEquals(
      (await listing.schedules(110)).map(({ data }) => data),
      names.slice(0, 110).map((name) => `data of ${name}`),
    );
    const sizes = commands.filter(([name]) => name === "MGET").map((command) => command.length - 1);
    assertEquals(sizes, [50, 50, 10]);
  });
});
