import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import type { RedisClient } from "../../src/redis/mod.ts";
import { onRedis } from "../queue/brokers.ts";
import { running, sleep, Stage } from "../queue/stage.ts";
import { eventually } from "../support/poll.ts";
import { gate, settled } from "../support/promises.ts";

const stage = new Stage(onRedis);

/** Tasks of a stream leased by a consumer that is nobody's. */
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

describe("the reader", () => {
  it("ends a burst however much other workers hold", async () => {
    const worker = await stage.worker();
    const job = worker.task(() => 1, { name: "job" });
    await worker.enqueueMany(Array.from({ length: 450 }, () => job.enqueue()));
    await leaseElsewhere(worker.redis, worker.queueName, "normal", 450);
    assertEquals(await settled(worker.run({ burst: true }), 3000), "resolved");
  });

  it("looks for leases that ran out once through all streams, not until all of them end at the same time", async () => {
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
    await sleep(1500);
    const stats = await worker.redis.command<string>(["INFO", "commandstats"]);
    const [, calls] = /cmdstat_evalsha:calls=(\d+)/.exec(stats)!;
    await run.stop();
    // 11 pages of the longest stream, twice as the subscription is confirmed, and a few calls of other kinds.
    assert(Number(calls) < 60, `${calls} calls`);
  });

  it("takes over on a low priority although a high one always has more than there are slots", async () => {
    const worker = await stage.worker({ priorities: ["low", "high"], concurrency: 2, idleTimeout: 400 });
    const { queueName, redis } = worker;
    let stopped = false;
    const busy = worker.task(async (): Promise<void> => {
      await sleep(5);
      // Each brings another one, so that there is never nothing to do.
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

  it("takes at once what was handed back behind the place that its search had come to", async () => {
    const worker = await stage.worker({ concurrency: 1, prefetch: 0 });
    const { redis, queueName } = worker;
    const [first, second] = [gate(), gate()];
    const job = worker.task(async (n: number) => await (n === 1 ? first : second).opened, { name: "job" });
    const tasks = await worker.enqueueMany([0, 1, 2].map((n) => job.enqueue(n)));
    const entries = await leaseElsewhere(redis, queueName, "normal", 3);
    const handBack = async (entry: string) => {
      const stream = `streaq:${queueName}:queues:normal`;
      await redis.command(["XCLAIM", stream, "workers", "released", 0, entry, "IDLE", 100_000_000, "JUSTID"]);
      await redis.command(["PUBLISH", `streaq:${queueName}:ts:wake`, "released"]);
    };
    await handBack(entries[1]!);
    const run = running(worker);
    await eventually(() => worker.running === 1);
    second.open();
    await sleep(200);
    await handBack(entries[0]!);
    await sleep(200);
    first.open();
    assertEquals(await settled(tasks[0]!.result(), 5000), "resolved");
    await run.stop();
  });
});
