/** Failures are kept, and tasks are retried, while memory is full and while workers die. */
import process from "node:process";
import { describe, it } from "node:test";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { deferred } from "../../src/base/async.ts";
import { StreaqError } from "../../src/base/errors.ts";
import { onRedis } from "../queue/brokers.ts";
import { running, sleep, Stage } from "../queue/stage.ts";
import { eventually } from "../support/poll.ts";
import { startRedis } from "../support/redis_server.ts";
import { WorkerProcesses } from "./worker_processes.ts";

const stage = new Stage(onRedis);

/** Number of tasks that are retried while workers are killed. */
const taskCount = Number(process.env["STREAQ_FAILURES"] ?? 3000);
const maxKills = Math.ceil(taskCount / 500);

describe("failures", () => {
  it("are kept while the memory of Redis is full, and their tasks can be retried", async () => {
    await using server = await startRedis({ args: ["--maxmemory-policy", "noeviction"] });
    const worker = await stage.worker({ redisUrl: server.url, concurrency: 100 });
    const { redis } = await stage.worker({ redisUrl: server.url });
    const gate = deferred<void>();
    let isBroken = true;
    const fragile = worker.task("fragile", async (value: number) => {
      await gate.promise;
      if (isBroken) throw new Error("broken");
      return value;
    });
    const ready = worker.task("ready", () => true);
    const run = running(worker);
    // From now on, results arrive by themselves.
    await (await ready.enqueue()).value();
    const tasks = await worker.enqueueMany(Array.from({ length: 100 }, (_, n) => fragile.enqueue(n)));
    const below = await Promise.all([0, 1, 2].map((n) => fragile.enqueue(n).start({ after: tasks[n]!.id })));
    const piped = await fragile.enqueue(100).pipe(fragile);
    await eventually(() => worker.running === 100);
    await redis.command(["CONFIG", "SET", "maxmemory", "1mb"]);
    gate.resolve();
    const all = [...tasks, ...below, piped];
    const failed = await Promise.all(all.map((task) => task.result({ timeout: "20s" })));
    assertEquals(failed.filter(({ success }) => success), []);
    // The first step of the pipeline is one more.
    await eventually(async () => assertEquals(await worker.countFailures(), all.length + 1));
    isBroken = false;
    assertEquals(await worker.retryFailed({}), all.length + 1);
    const values = await Promise.all(all.map((task) => task.value({ timeout: "20s" })));
    assertEquals(values, [...tasks.keys(), 0, 1, 2, 100]);
    assertEquals(await worker.countFailures(), 0);
    await redis.command(["CONFIG", "SET", "maxmemory", "0"]);
    await run.stop();
    await stage.assertClean(worker);
  });

  it("are retried but for one whose key has a wrong type, which the error names", async () => {
    const worker = await stage.worker({ concurrency: 100 });
    let isBroken = true;
    const fragile = worker.task("fragile", (value: number) => {
      if (isBroken) throw new Error("broken");
      return value;
    }, { silent: true });
    const tasks = await worker.enqueueMany(Array.from({ length: 600 }, (_, n) => fragile.enqueue(n)));
    await worker.drain();
    const key = `streaq:${worker.queueName}:ts:failedinput:${tasks[0]!.id}`;
    await worker.redis.command(["LPUSH", key, "wrong"]);
    isBroken = false;
    const error = await assertRejects(() => worker.retryFailed({}), StreaqError) as Error;
    assertStringIncludes(error.message, "Cannot retry all failed tasks: 599 are done, then WRONGTYPE Cannot use key");
    assertStringIncludes(error.message, key);
    await assertRejects(() => tasks[0]!.retry(), Error, key);
    await worker.redis.command(["DEL", key]);
    assertEquals([await worker.countFailures(), await worker.retryFailed({})], [1, 1]);
    await worker.drain();
    assertEquals(await Promise.all(tasks.map((task) => task.value())), [...tasks.keys()]);
    await stage.assertClean(worker);
  });

  it("of many tasks are retried while workers are killed: each has one result, and no living worker runs one twice", async () => {
    const worker = await stage.worker();
    const fragile = worker.task((_ms: number): void => {}, { name: "fragile" });
    const options = { redisUrl: (await stage.broker).server.url, queueName: worker.queueName };
    await using processes = new WorkerProcesses({ ...options, idleTimeout: 1000, concurrency: 16 });
    processes.setBroken(true);
    const workers = [await processes.start(), await processes.start()];
    const tasks = await worker.enqueueMany(Array.from({ length: taskCount }, (_, n) => fragile.enqueue(10 + n % 40)));
    await eventually(async () => assertEquals(await worker.countFailures(), tasks.length), { timeout: 60_000 });
    const before = processes.notes.length;
    processes.setBroken(false);

    const published = new Map<string, number>();
    const over = new AbortController();
    const subscribed = deferred<void>();
    const counting = (async () => {
      const channels = tasks.map(({ id }) => `streaq:${worker.queueName}:channels:${id}`);
      const options = { signal: over.signal, onSubscribed: () => subscribed.resolve() };
      for await (const { channel } of worker.redis.subscribe(channels, options)) {
        const id = channel.slice(channel.lastIndexOf(":") + 1);
        published.set(id, (published.get(id) ?? 0) + 1);
      }
    })().catch(() => {});
    await subscribed.promise;

    let isDone = false;
    const results = worker.retryFailed({}).then(async (count) => {
      assertEquals(count, tasks.length);
      return await Promise.all(tasks.map((task) => task.result()));
    }).finally(() => isDone = true);
    const killed = new Set<string>();
    while (!isDone && killed.size < maxKills) {
      // The fault itself, at any point of the work.
      await sleep(200 + Math.random() * 200);
      const victim = workers.shift()!;
      await victim.kill();
      killed.add(victim.workerId);
      workers.push(await processes.start());
    }
    assertEquals((await results).filter(({ success }) => !success), []);
    await eventually(() => assertEquals([published.size, ...new Set(published.values())], [tasks.length, 1]));
    over.abort();
    await counting;

    const runsById = new Map<string, string[]>();
    for (const { event, taskId, workerId } of processes.notes.slice(before)) {
      if (event === "start") runsById.set(taskId, [...runsById.get(taskId) ?? [], workerId]);
    }
    assertEquals(runsById.size, tasks.length);
    for (const [id, runs] of runsById) {
      assertEquals(new Set(runs).size, runs.length, `${id} ran twice on one worker: ${runs}`);
      assert(runs.slice(0, -1).every((workerId) => killed.has(workerId)), `${id} left a living worker: ${runs}`);
    }
    assertEquals(await worker.countFailures(), 0);
    for (const { stop } of workers) assertEquals(await stop(), 0);
    await stage.assertClean(worker);
  });
});
