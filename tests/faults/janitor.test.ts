import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import type { Worker } from "../../src/queue/worker.ts";
import type { WorkerOptions } from "../../src/queue/options/worker_options.ts";
import { onRedis } from "../queue/brokers.ts";
import { keysOf } from "../queue/keyspace.ts";
import { running, sleep, Stage } from "../queue/stage.ts";
import { eventually } from "../support/poll.ts";
import { startRedis } from "../support/redis_server.ts";
import { blockedClients } from "./server_info.ts";
import { WorkerProcesses } from "./worker_processes.ts";

const stage = new Stage(onRedis);

/** Returns the names of the consumers of the only stream. */
async function consumersOf(worker: Worker<unknown>): Promise<string[]> {
  const stream = `streaq:${worker.queueName}:queues:normal`;
  const all = await worker.redis.command<(Map<string, string> | string[])[]>(["XINFO", "CONSUMERS", stream, "workers"]);
  return all.map((fields) => String(fields instanceof Map ? fields.get("name") : fields[1]));
}

/** Waits until a worker has reported that it is alive. */
async function untilJoined(worker: Worker<unknown>): Promise<void> {
  const key = `streaq:${worker.queueName}:health:${worker.id}`;
  await eventually(async () => await worker.redis.command<number>(["EXISTS", key]) === 1);
}

/** Makes two workers of one queue: one with an idleTimeout of 300 ms, and one that runs a task for longer than that. */
async function newPair(options: WorkerOptions<undefined>, longTimeout: number) {
  const runs: string[] = [];
  const make = async (id: string, idleTimeout: number) => {
    const worker = await stage.worker({ ...options, id, idleTimeout, concurrency: 1 });
    const job = worker.task(async (ms: number) => {
      runs.push(id);
      if (id === "long") await sleep(ms);
    }, { name: "job" });
    return { worker, job };
  };
  const [short, long] = [await make("short", 300), await make("long", longTimeout)];
  return {
    short: short.worker,
    long: long.worker,
    runs,
    /** Enqueues tasks until the long worker has started one, which takes `ms` milliseconds there. */
    startOnLong: async (ms: number) => {
      for (;;) {
        runs.length = 0;
        const task = await long.job.enqueue(ms);
        await eventually(() => runs.length > 0);
        if (runs[0] === "long") return task;
        await task.result();
      }
    },
  };
}

describe("an idle worker", () => {
  it("does not take over a task of a worker that joined later with a larger idleTimeout", async () => {
    const { short, long, runs, startOnLong } = await newPair({ queueName: stage.newQueue() }, 20_000);
    const idle = running(short);
    await eventually(async () => await blockedClients(short.redis) === 1);
    const run = running(long);
    await eventually(async () => await blockedClients(short.redis) === 2);
    await (await startOnLong(3000)).result({ timeout: "15s" });
    assertEquals(runs, ["long"]);
    await run.stop();
    await idle.stop();
  });

  it("does not take over that task either if it missed the message that the other worker joined", async () => {
    await using server = await startRedis();
    const options = { queueName: stage.newQueue(), redisUrl: server.url };
    const { short, long, runs, startOnLong } = await newPair(options, 20_000);
    const idle = running(short);
    const { redis } = short;
    await eventually(async () => await blockedClients(redis) === 1);
    let [isOver, kills] = [false, 0];
    const killing = (async () => {
      while (!isOver) {
        kills += await redis.command<number>(["CLIENT", "KILL", "TYPE", "PUBSUB"]);
        // As often as a subscription can be made.
        await sleep(5);
      }
    })();
    await eventually(() => kills > 0);
    const run = running(long);
    await eventually(async () => await blockedClients(redis) === 2);
    isOver = true;
    await killing;
    await (await startOnLong(2000)).result({ timeout: "15s" });
    assertEquals(runs, ["long"]);
    await run.stop();
    await idle.stop();
  });

  it("does not take over such a task after Redis has lost all data", async () => {
    await using server = await startRedis();
    const options = { queueName: stage.newQueue(), redisUrl: server.url };
    const { short, long, runs, startOnLong } = await newPair(options, 4000);
    const all = [running(short), running(long)];
    await Promise.all([untilJoined(short), untilJoined(long)]);
    await long.redis.command(["FLUSHALL"]);
    await Promise.all([untilJoined(short), untilJoined(long)]);
    await (await startOnLong(3000)).result({ timeout: "15s" });
    assertEquals(runs, ["long"]);
    await Promise.all(all.map((run) => run.stop()));
  });
});

describe("the janitor", () => {
  it("removes all keys of workers that were killed", async () => {
    const worker = await stage.worker({ idleTimeout: 300, id: "zz-last", concurrency: 1 });
    const work = worker.task(async (ms: number) => await sleep(ms), { name: "work" });
    const run = running(worker);
    await (await work.enqueue(1)).result();
    const baseline = await keysOf(worker.redis, `streaq:${worker.queueName}`);
    const options = { redisUrl: (await stage.broker).server.url, queueName: worker.queueName, idleTimeout: 300 };
    await using processes = new WorkerProcesses({ ...options, concurrency: 1 });
    for (let i = 0; i < 3; i++) {
      const { workerId, kill } = await processes.start();
      // One more than the two workers can start at once.
      await worker.enqueueMany([work.enqueue(500), work.enqueue(500), work.enqueue(500)]);
      await eventually(() => processes.starts().some((start) => start.workerId === workerId));
      await kill();
    }
    const workers = `streaq:${worker.queueName}:ts:workers`;
    await eventually(async () => assertEquals((await consumersOf(worker)).length, 1), { timeout: 15_000 });
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

  it("removes the consumer of a dead worker and keeps that of a living one", async () => {
    const worker = await stage.worker({ idleTimeout: 100 });
    const run = running(worker);
    const stream = `streaq:${worker.queueName}:queues:normal`;
    await untilJoined(worker);
    const { redis } = worker;
    await redis.command(["XGROUP", "CREATECONSUMER", stream, "workers", "dead-0123abcd"]);
    await redis.command(["XGROUP", "CREATECONSUMER", stream, "workers", "alive-0123abcd"]);
    await redis.command(["SET", `streaq:${worker.queueName}:health:alive`, "", "PX", 60_000]);
    assertEquals((await consumersOf(worker)).length, 2);
    await eventually(async () => assertEquals((await consumersOf(worker)).filter((c) => c.startsWith("dead")), []));
    assertEquals((await consumersOf(worker)).filter((name) => name.startsWith("alive")).length, 1);
    await run.stop();
  });
});
