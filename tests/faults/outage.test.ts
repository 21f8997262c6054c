import { describe, it } from "node:test";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { StreaqError, StreaqRetry } from "../../src/base/errors.ts";
import { taskContext } from "../../src/queue/context/task_context.ts";
import { onRedis } from "../queue/brokers.ts";
import { running, sleep, Stage } from "../queue/stage.ts";
import { eventually } from "../support/poll.ts";
import { startRedis } from "../support/redis_server.ts";
import { putLoad } from "./load.ts";

const stage = new Stage(onRedis);

describe("a Redis that restarts under load, with everything on disk", () => {
  it("costs time only, and work goes on within 5 s", async () => {
    await using server = await startRedis({ appendonly: true });
    const { worker, runs, settle } = await putLoad(stage, server);
    for (let restart = 0; restart < 3; restart++) {
      await sleep(300);
      await server.kill();
      await sleep(100);
      await server.restart();
      const before = worker.counters.completed;
      await eventually(() => worker.counters.completed > before, { timeout: 5000 });
    }
    const { results } = await settle();
    for (const n of results) assertEquals(runs.get(n), 1);
  });
});

describe("a Redis that forgets everything", () => {
  it("gets its group again, and who waits gets an error", async () => {
    await using server = await startRedis();
    const worker = await stage.worker({ redisUrl: server.url });
    const job = worker.task(async (ms: number) => await sleep(ms), { name: "job" });
    const run = running(worker);
    const lost = await job.enqueue(500);
    const waiting = assertRejects(() => lost.result({ timeout: "15s" }), StreaqError, lost.id);
    await eventually(() => worker.running === 1);
    await server.kill();
    await server.restart();
    await waiting;
    const task = await job.enqueue(1);
    assertEquals((await task.result({ timeout: "10s" })).success, true);
    await worker.redis.command(["FLUSHALL"]);
    const again = await job.enqueue(1);
    assertEquals((await again.result({ timeout: "10s" })).success, true);
    await run.stop();
    await stage.assertClean(worker);
  });
});

describe("a Redis whose memory is full", () => {
  it("refuses to enqueue with a clear error; what runs finishes and is stored; then it enqueues again", async () => {
    await using server = await startRedis({ args: ["--maxmemory-policy", "noeviction"] });
    const worker = await stage.worker({ redisUrl: server.url, concurrency: 100, prefetch: 0 });
    let finish = () => {};
    const finished = new Promise<void>((resolve) => finish = resolve);
    const job = worker.task(async (n: number) => {
      await finished;
      return n;
    }, { name: "job" });
    const run = running(worker);
    const tasks = await worker.enqueueMany(Array.from({ length: 100 }, (_, n) => job.enqueue(n)));
    await eventually(() => worker.running === 100);
    const { redis } = await stage.worker({ redisUrl: server.url });
    await redis.command(["CONFIG", "SET", "maxmemory", "1mb"]);
    const refused = job.enqueue(100);
    const error = await assertRejects(async () => await refused, StreaqError) as Error;
    assertStringIncludes(error.message, "OOM");
    assertStringIncludes(error.message, refused.id);
    assertEquals(await refused.status(), "missing");
    finish();
    const results = await Promise.all(tasks.map((task) => task.result({ timeout: "10s" })));
    assert(results.every(({ success }) => success));
    await redis.command(["CONFIG", "SET", "maxmemory", "0"]);
    assertEquals((await (await refused).result()).result, 100);
    await run.stop();
    await stage.assertClean(worker);
  });
});

describe("a server whose memory is full", () => {
  it("still takes retries, aborts, locks and hand-backs", async () => {
    await using server = await startRedis({ appendonly: true });
    const options = { redisUrl: server.url, concurrency: 3, queueName: stage.newQueue() };
    const worker = await stage.worker(options);
    const { redis } = await stage.worker({ redisUrl: server.url });
    let isFull = false;
    const again = worker.task(async function again() {
      while (taskContext().tries === 1 && !isFull) await sleep(5);
      if (taskContext().tries === 1) throw new StreaqRetry("full", { delay: 50 });
      return taskContext().tries;
    });
    const hold = worker.task(async function hold() {
      await sleep(60_000, taskContext().signal);
    });
    const alone = worker.task(async () => await Promise.resolve("alone"), {
      name: "alone",
      unique: true,
      timeout: "1m",
    });
    const run = running(worker);
    const [retried, aborted, handedBack] = await worker.enqueueMany([again.enqueue(), hold.enqueue(), hold.enqueue()]);
    await eventually(() => worker.running === 3);
    const unique = await alone.enqueue();
    await redis.command(["CONFIG", "SET", "maxmemory", "1mb"]);
    isFull = true;
    assertEquals((await unique.result({ timeout: "10s" })).result, "alone");
    assertEquals((await retried.result({ timeout: "10s" })).result, 2);
    assertEquals(await aborted.abort(), true);
    assertEquals((await aborted.result()).exception!.name, "StreaqCancelled");
    await run.stop();
    assertEquals(await handedBack.status(), "queued");
    assertEquals(await handedBack.abort(), true);
    await worker.run({ burst: true });
    await redis.command(["CONFIG", "SET", "maxmemory", "0"]);
    await stage.assertClean(worker);
  });
});

describe("stopping during an outage", () => {
  it("ends within a bound, and so does closing", async () => {
    await using server = await startRedis({ appendonly: true });
    const worker = await stage.worker({ redisUrl: server.url });
    const job = worker.task(async () => await sleep(100), { name: "job" });
    const run = running(worker);
    await job.enqueue();
    await eventually(() => worker.running === 1);
    server.pause();
    const start = Date.now();
    await run.stop();
    await worker.close();
    assert(Date.now() - start < 9000, `${Date.now() - start} ms`);
    server.resume();
  });
});
