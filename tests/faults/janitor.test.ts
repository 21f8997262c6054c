import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { onRedis } from "../queue/brokers.ts";
import { keysOf } from "../queue/keyspace.ts";
import { running, sleep, Stage } from "../queue/stage.ts";
import type { Worker } from "../../src/queue/worker.ts";
import { eventually } from "../support/poll.ts";
import { startRedis } from "../support/redis_server.ts";
import { Crew } from "./crew.ts";

const stage = new Stage(onRedis);

/** The names of the consumers of the only stream. */
async function consumers(worker: Worker<unknown>): Promise<string[]> {
  const stream = `streaq:${worker.queueName}:queues:normal`;
  const all = await worker.redis.command<(Map<string, string> | string[])[]>(["XINFO", "CONSUMERS", stream, "workers"]);
  return all.map((fields) => String(fields instanceof Map ? fields.get("name") : fields[1]));
}

/** Waits until a worker has joined. */
async function joined(worker: Worker<unknown>): Promise<void> {
  const key = `streaq:${worker.queueName}:health:${worker.id}`;
  await eventually(async () => await worker.redis.command<number>(["EXISTS", key]) === 1);
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
    await joined(quick.worker);
    await sleep(500);
    const slow = await make("slow", 20_000);
    const run = running(slow.worker);
    await joined(slow.worker);
    await sleep(200);
    // Who waits longest is served first, so until one comes to the slow one there are short ones.
    do {
      await (await slow.job.enqueue(1)).result();
    } while (runs.at(-1) !== "quick");
    runs.length = 0;
    await (await slow.job.enqueue(3000)).result({ timeout: "15s" });
    assertEquals(runs.length, 1, `ran by ${runs.join(", ")}`);
    await run.stop();
    await idle.stop();
  });

  it("does not take over early either when it could not hear that the other has joined", async () => {
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
    const quick = await make("quick", 300);
    const idle = running(quick.worker);
    await joined(quick.worker);
    await sleep(300);
    const { redis } = quick.worker;
    let isDeaf = true;
    const deafen = (async () => {
      while (isDeaf) {
        await redis.command(["CLIENT", "KILL", "TYPE", "PUBSUB"]);
        await sleep(5);
      }
    })();
    await sleep(50);
    const slow = await make("slow", 20_000);
    const run = running(slow.worker);
    await joined(slow.worker);
    await sleep(100);
    do {
      await (await slow.job.enqueue(1)).result();
    } while (runs.at(-1) !== "quick");
    runs.length = 0;
    const task = await slow.job.enqueue(2000);
    await sleep(1000);
    isDeaf = false;
    await deafen;
    await task.result({ timeout: "15s" });
    assertEquals(runs.length, 1, `ran by ${runs.join(", ")}`);
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
    const [slow, quick] = [await make("slow", 4000), await make("quick", 300)];
    const all = [running(slow.worker), running(quick.worker)];
    await Promise.all([joined(slow.worker), joined(quick.worker)]);
    await slow.worker.redis.command(["FLUSHALL"]);
    // Both have said since that they live.
    await sleep(2500);
    do {
      await (await slow.job.enqueue(1)).result();
    } while (runs.at(-1) !== "quick");
    runs.length = 0;
    await (await slow.job.enqueue(3000)).result({ timeout: "15s" });
    assertEquals(runs.length, 1, `ran by ${runs.join(", ")}`);
    await Promise.all(all.map((run) => run.stop()));
  });
});

describe("clearing up", () => {
  it("brings the key space back to where it was, after workers were killed", async () => {
    const worker = await stage.worker({ idleTimeout: 300, id: "zz-last", concurrency: 1 });
    const work = worker.task(async (ms: number) => await sleep(ms), { name: "work" });
    const run = running(worker);
    await (await work.enqueue(1)).result();
    const baseline = await keysOf(worker.redis, `streaq:${worker.queueName}`);
    const options = { redisUrl: (await stage.broker).server.url, queueName: worker.queueName, idleTimeout: 300 };
    await using crew = new Crew({ ...options, concurrency: 1 });
    for (let i = 0; i < 3; i++) {
      const hand = await crew.hire();
      // More than one worker can start.
      await worker.enqueueMany([work.enqueue(500), work.enqueue(500), work.enqueue(500)]);
      await eventually(() => crew.starts().length > 0);
      hand.signal("SIGKILL");
      await hand.ended;
    }
    const workers = `streaq:${worker.queueName}:ts:workers`;
    await eventually(async () => assertEquals(await consumers(worker).then((all) => all.length), 1), {
      timeout: 15_000,
    });
    await eventually(async () => assertEquals(await worker.redis.command(["ZRANGE", workers, 0, -1]), ["zz-last"]), {
      timeout: 12_000,
    });
    const known = new Set(baseline);
    await eventually(async () => {
      const fresh = (await keysOf(worker.redis, `streaq:${worker.queueName}`)).filter((key) => !known.has(key));
      assertEquals(fresh.filter((key) => !key.includes(":task:results:")), []);
    }, { timeout: 12_000 });
    await run.stop();
    await stage.assertClean(worker);
  });

  it("leaves a consumer that holds something, and one that lives", async () => {
    const worker = await stage.worker({ idleTimeout: 100 });
    const run = running(worker);
    const stream = `streaq:${worker.queueName}:queues:normal`;
    await joined(worker);
    const { redis } = worker;
    await redis.command(["XGROUP", "CREATECONSUMER", stream, "workers", "dead-0123abcd"]);
    await redis.command(["XGROUP", "CREATECONSUMER", stream, "workers", "alive-0123abcd"]);
    await redis.command(["SET", `streaq:${worker.queueName}:health:alive`, "", "PX", 60_000]);
    assertEquals((await consumers(worker)).length, 2);
    await eventually(async () => assertEquals((await consumers(worker)).filter((c) => c.startsWith("dead")), []));
    assertEquals((await consumers(worker)).filter((name) => name.startsWith("alive")).length, 1);
    await run.stop();
  });
});
