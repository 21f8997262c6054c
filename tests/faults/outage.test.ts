import { describe, it } from "node:test";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { StreaqError, StreaqRetry } from "../../src/base/errors.ts";
import { taskContext } from "../../src/queue/context/task_context.ts";
import { onRedis } from "../queue/brokers.ts";
import { running, Stage, untilAborted } from "../queue/stage.ts";
import { eventually } from "../support/poll.ts";
import { gate } from "../support/promises.ts";
import { startRedis } from "../support/redis_server.ts";
import { startLoad } from "./start_load.ts";

const stage = new Stage(onRedis);

describe("a queue under load", () => {
  it("loses no task and continues within 5 s when Redis restarts with all data", async () => {
    await using server = await startRedis({ appendonly: true });
    const { lines, runs, progress, settle } = await startLoad(stage, server);
    for (let restart = 0; restart < 3; restart++) {
      await progress(20);
      const before = lines.problems.length;
      await server.kill();
      await eventually(() => lines.problems.length > before, { message: "the outage is noticed" });
      await server.restart();
      await progress(1);
    }
    const { results } = await settle();
    for (const n of results) assertEquals(runs.get(n), 1);
  });
});

describe("a worker", () => {
  it("continues when Redis restarts without data, and result() of a lost task rejects", async () => {
    await using server = await startRedis();
    const worker = await stage.worker({ redisUrl: server.url });
    const { open, opened } = gate();
    const job = worker.task((waits: boolean) => waits ? opened : undefined, { name: "job" });
    const run = running(worker);
    const lost = await job.enqueue(true);
    const rejected = assertRejects(() => lost.result({ timeout: "15s" }), StreaqError, lost.id);
    await eventually(() => worker.running === 1);
    await server.kill();
    await server.restart();
    await rejected;
    open();
    const task = await job.enqueue(false);
    assertEquals((await task.result({ timeout: "10s" })).success, true);
    await worker.redis.command(["FLUSHALL"]);
    const again = await job.enqueue(false);
    assertEquals((await again.result({ timeout: "10s" })).success, true);
    await run.stop();
    await stage.assertClean(worker);
  });

  it("stores results while the memory of Redis is full, and enqueuing rejects until there is room", async () => {
    await using server = await startRedis({ args: ["--maxmemory-policy", "noeviction"] });
    const worker = await stage.worker({ redisUrl: server.url, concurrency: 100, prefetch: 0 });
    const { open, opened } = gate();
    const job = worker.task(async (n: number) => {
      await opened;
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
    open();
    const results = await Promise.all(tasks.map((task) => task.result({ timeout: "10s" })));
    assert(results.every(({ success }) => success));
    await redis.command(["CONFIG", "SET", "maxmemory", "0"]);
    assertEquals((await (await refused).result()).result, 100);
    await run.stop();
    await stage.assertClean(worker);
  });

  it("retries, aborts, locks and releases tasks while the memory of Redis is full", async () => {
    await using server = await startRedis({ appendonly: true });
    const worker = await stage.worker({ redisUrl: server.url, concurrency: 3 });
    const { redis } = await stage.worker({ redisUrl: server.url });
    const { open, opened } = gate();
    const again = worker.task(async () => {
      await opened;
      if (taskContext().tries === 1) throw new StreaqRetry("full", { delay: 50 });
      return taskContext().tries;
    }, { name: "again" });
    const hold = worker.task(() => untilAborted(taskContext().signal), { name: "hold" });
    const alone = worker.task(() => "alone", { name: "alone", unique: true, timeout: "1m" });
    const run = running(worker);
    const [retried, aborted, released] = await worker.enqueueMany([again.enqueue(), hold.enqueue(), hold.enqueue()]);
    await eventually(() => worker.running === 3);
    const unique = await alone.enqueue();
    await redis.command(["CONFIG", "SET", "maxmemory", "1mb"]);
    open();
    assertEquals((await unique.result({ timeout: "10s" })).result, "alone");
    assertEquals((await retried.result({ timeout: "10s" })).result, 2);
    assertEquals(await aborted.abort(), true);
    assertEquals((await aborted.result()).exception!.name, "StreaqCancelled");
    await run.stop();
    assertEquals(await released.status(), "queued");
    assertEquals(await released.abort(), true);
    await worker.run({ burst: true });
    await redis.command(["CONFIG", "SET", "maxmemory", "0"]);
    await stage.assertClean(worker);
  });

  it("stops and closes within 9 s while Redis does not answer", async () => {
    await using server = await startRedis({ appendonly: true });
    const worker = await stage.worker({ redisUrl: server.url });
    const { open, opened } = gate();
    const job = worker.task(() => opened, { name: "job" });
    const run = running(worker);
    await job.enqueue();
    await eventually(() => worker.running === 1);
    server.pause();
    open();
    const start = Date.now();
    await run.stop();
    await worker.close();
    assert(Date.now() - start < 9000, `${Date.now() - start} ms`);
    server.resume();
  });
});
