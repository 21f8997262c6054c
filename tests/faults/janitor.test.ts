import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { onRedis } from "../queue/brokers.ts";
import { keysOf } from "../queue/keyspace.ts";
import { running, sleep, Stage } from "../queue/stage.ts";
import { eventually } from "../support/poll.ts";
import { startRedis } from "../support/redis_server.ts";
import { Crew } from "./crew.ts";

const stage = new Stage(onRedis);

/** The consumers of the only stream. */
async function consumers(worker: Awaited<ReturnType<typeof stage.worker>>): Promise<string[]> {
  const stream = `streaq:${worker.queueName}:queues:normal`;
  const all = await worker.redis.command<string[][]>(["XINFO", "CONSUMERS", stream, "workers"]);
  return all.map((fields) => String(Object.values(fields as unknown as Record<string, unknown>)[1] ?? fields));
}

describe("an idle worker", () => {
  it("does not take over a task of a worker that joins later with a larger idleTimeout", async () => {
    const queueName = stage.newQueue();
    const runs: string[] = [];
    const make = async (id: string, idleTimeout: number) => {
      const worker = await stage.worker({ queueName, id, idleTimeout, concurrency: 1 });
      const job = worker.task(async (ms: number) => {
        runs.push(id);
        await sleep(ms);
      }, { name: "job" });
      return { worker, job };
    };
    const quick = await make("quick", 300);
    const idle = running(quick.worker);
    await eventually(async () => (await consumers(quick.worker)).length > 0);
    await sleep(500);
    const slow = await make("slow", 20_000);
    // The slow one reads; the quick one waits behind it.
    const run = running(slow.worker);
    await sleep(300);
    const tasks = await slow.worker.enqueueMany([slow.job.enqueue(3000), slow.job.enqueue(3000)]);
    await Promise.all(tasks.map((task) => task.result({ timeout: "15s" })));
    assertEquals(runs.length, 2, `ran by ${runs.join(", ")}`);
    await run.stop();
    await idle.stop();
  });

  it("does not take over early after Redis has lost everything", async () => {
    await using server = await startRedis();
    const options = { queueName: stage.newQueue(), redisUrl: server.url, concurrency: 1 };
    const runs: string[] = [];
    const make = async (id: string, idleTimeout: number) => {
      const worker = await stage.worker({ ...options, id, idleTimeout });
      const job = worker.task(async (ms: number) => {
        runs.push(id);
        await sleep(ms);
      }, { name: "job" });
      return { worker, job };
    };
    const [slow, quick] = [await make("slow", 10_000), await make("quick", 300)];
    const all = [running(slow.worker), running(quick.worker)];
    await eventually(async () => (await consumers(slow.worker)).length === 2);
    await slow.worker.redis.command(["FLUSHALL"]);
    // Both have beaten since, and the quick one has renewed.
    await sleep(9000);
    const tasks = await slow.worker.enqueueMany([slow.job.enqueue(2000), slow.job.enqueue(2000)]);
    await Promise.all(tasks.map((task) => task.result({ timeout: "15s" })));
    assertEquals(runs.length, 2, `ran by ${runs.join(", ")}`);
    await Promise.all(all.map((run) => run.stop()));
  });
});

describe("clearing up", () => {
  it("brings the key space back to where it was, after workers were killed", async () => {
    const worker = await stage.worker({ idleTimeout: 300, id: "zz-last" });
    const work = worker.task(async (ms: number) => await sleep(ms), { name: "work" });
    const run = running(worker);
    await (await work.enqueue(1)).result();
    const baseline = await keysOf(worker.redis, `streaq:${worker.queueName}`);
    const options = { redisUrl: (await stage.broker).server.url, queueName: worker.queueName, idleTimeout: 300 };
    await using crew = new Crew({ ...options, concurrency: 1 });
    for (let i = 0; i < 3; i++) {
      const hand = await crew.hire();
      await eventually(async () => (await consumers(worker)).length > 1);
      hand.signal("SIGKILL");
      await hand.ended;
    }
    const workers = `streaq:${worker.queueName}:ts:workers`;
    await eventually(async () => assertEquals(await consumers(worker).then((all) => all.length), 1), { timeout: 15_000 });
    await eventually(async () => assertEquals(await worker.redis.command(["ZRANGE", workers, 0, -1]), ["zz-last"]), {
      timeout: 12_000,
    });
    const known = new Set(baseline);
    const fresh = (await keysOf(worker.redis, `streaq:${worker.queueName}`)).filter((key) => !known.has(key));
    assertEquals(fresh.filter((key) => !key.includes(":task:results:")), []);
    await run.stop();
    await stage.assertClean(worker);
  });

  it("leaves a consumer that holds something, and one that lives", async () => {
    const worker = await stage.worker({ idleTimeout: 100 });
    const run = running(worker);
    const stream = `streaq:${worker.queueName}:queues:normal`;
    await eventually(async () => (await consumers(worker)).length === 1);
    const { redis } = worker;
    await redis.command(["XGROUP", "CREATECONSUMER", stream, "workers", "dead-0123abcd"]);
    await redis.command(["XGROUP", "CREATECONSUMER", stream, "workers", "alive-0123abcd"]);
    await redis.command(["SET", `streaq:${worker.queueName}:health:alive`, "", "PX", 60_000]);
    await eventually(async () => assertEquals((await consumers(worker)).filter((c) => c.startsWith("dead")), []));
    assertEquals((await consumers(worker)).length, 2);
    await run.stop();
  });
});
