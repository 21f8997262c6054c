import { describe, it } from "node:test";
import { assertEquals, assertLess } from "@std/assert";
import { deferred } from "../../src/base/async.ts";
import type { RedisClient } from "../../src/redis/mod.ts";
import { onRedis } from "../queue/brokers.ts";
import { Lines, running, sleep, Stage } from "../queue/stage.ts";
import { eventually } from "../support/poll.ts";
import { gate, settled } from "../support/promises.ts";
import { blockedClients, scriptCalls } from "./server_info.ts";

const stage = new Stage(onRedis);

/** Leases tasks of a stream for a consumer without a worker; returns the ids of their entries. */
async function leaseElsewhere(redis: RedisClient, queueName: string, priority: string, count: number) {
  const stream = `streaq:${queueName}:queues:${priority}`;
  const group = redis.command(["XGROUP", "CREATE", stream, "workers", "0", "MKSTREAM"]);
  await group.catch(() => {});
  const reply = await redis.command<Map<string, [string, string[]][]>>([
    "XREADGROUP",
    "GROUP",
    "workers",
    "elsewhere",
    "COUNT",
    count,
    "STREAMS",
    stream,
    ">",
  ]);
  return reply.get(stream)!.map(([entry]) => entry);
}

describe("the reader of a worker", () => {
  it("reads one priority while the stream of another has the wrong type, and logs the key", async () => {
    const lines = new Lines();
    const worker = await stage.worker({ priorities: ["low", "high"], logger: lines });
    const task = worker.task((n: number) => n, { name: "task" });
    const run = running(worker);
    assertEquals((await (await task.enqueue(0)).result({ timeout: "10s" })).result, 0);
    const key = `streaq:${worker.queueName}:queues:low`;
    await worker.redis.command(["SET", key, "x"]);
    for (let n = 0; n < 3; n++) {
      const handle = await task.enqueue(n).start({ priority: "high" });
      assertEquals((await handle.result({ timeout: "10s" })).result, n);
    }
    await eventually(() => lines.problems.some((line) => line.includes(key)));
    await worker.redis.command(["DEL", key]);
    await run.stop();
  });

  it("ends a burst even if other workers have leased hundreds of tasks", async () => {
    const worker = await stage.worker();
    const job = worker.task(() => 1, { name: "job" });
    await worker.enqueueMany(Array.from({ length: 450 }, () => job.enqueue()));
    await leaseElsewhere(worker.redis, worker.queueName, "normal", 450);
    assertEquals(await settled(worker.run({ burst: true }), 3000), "resolved");
  });

  it("searches each stream for expired leases once, even if the streams have different lengths", async () => {
    const priorities = ["low", "middle", "high"];
    const worker = await stage.worker({ priorities });
    const job = worker.task(() => 1, { name: "job" });
    for (const [i, count] of [650, 850, 1050].entries()) {
      const priority = priorities[i]!;
      await worker.enqueueMany(Array.from({ length: count }, () => job.enqueue().start({ priority })));
      await leaseElsewhere(worker.redis, worker.queueName, priority, count);
    }
    await worker.redis.command(["CONFIG", "RESETSTAT"]);
    const run = running(worker);
    // The search is over when no script has run for 20 polls in a row.
    let [calls, unchanged] = [0, 0];
    await eventually(async () => {
      const before = calls;
      calls = await scriptCalls(worker.redis);
      unchanged = calls === before ? unchanged + 1 : 0;
      return unchanged === 20;
    });
    assertEquals(await blockedClients(worker.redis), 1);
    await run.stop();
    // 11 pages of the longest stream, again when the subscription is confirmed, and a few other scripts.
    assertLess(calls, 60);
  });

  it("takes over a task of a low priority although a high priority always has tasks for all slots", async () => {
    const worker = await stage.worker({ priorities: ["low", "high"], concurrency: 2, idleTimeout: 400 });
    const { queueName, redis } = worker;
    let stopped = false;
    const busy = worker.task(async (): Promise<void> => {
      await sleep(5);
      // Each task enqueues another one, so the slots are always in use.
      if (!stopped) await busy.enqueue().start({ priority: "high" });
    }, { name: "busy", ttl: 0 });
    const job = worker.task(() => "low", { name: "job" });
    const task = await job.enqueue();
    await leaseElsewhere(redis, queueName, "low", 1);
    await worker.enqueueMany(Array.from({ length: 100 }, () => busy.enqueue().start({ priority: "high" })));
    const run = running(worker);
    assertEquals((await task.result({ timeout: "10s" })).result, "low");
    stopped = true;
    await run.stop();
  });

  it("takes a released task at once even if its search has already passed the entry", async () => {
    const worker = await stage.worker({ concurrency: 1, prefetch: 0 });
    const { redis, queueName } = worker;
    const [first, second] = [gate(), gate()];
    const job = worker.task(async (n: number) => await (n === 1 ? first : second).opened, { name: "job" });
    const tasks = await worker.enqueueMany([0, 1, 2].map((n) => job.enqueue(n)));
    const entries = await leaseElsewhere(redis, queueName, "normal", 3);
    const wake = `streaq:${queueName}:ts:wake`;
    const release = async (entry: string) => {
      const stream = `streaq:${queueName}:queues:normal`;
      await redis.command(["XCLAIM", stream, "workers", "released", 0, entry, "IDLE", 100_000_000, "JUSTID"]);
      await redis.command(["PUBLISH", wake, "released"]);
    };
    await release(entries[1]!);
    const run = running(worker);
    await eventually(() => worker.running === 1);
    second.open();
    // Each message on the channel reaches the worker and this listener at the same time.
    let messages = 0;
    const stopListening = new AbortController();
    const subscribed = deferred<void>();
    const listening = (async () => {
      const options = { signal: stopListening.signal, onSubscribed: () => subscribed.resolve() };
      for await (const _ of redis.subscribe([wake], options)) messages++;
    })().catch(() => {});
    await subscribed.promise;
    await release(entries[0]!);
    await eventually(() => messages === 1);
    first.open();
    assertEquals(await settled(tasks[0]!.result(), 5000), "resolved");
    stopListening.abort();
    await listening;
    await run.stop();
  });
});
