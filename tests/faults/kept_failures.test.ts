/** Failures are kept, and tasks are retried, while memory is full and keys are broken. */
import { describe, it } from "node:test";
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { deferred } from "../../src/base/async.ts";
import { StreaqError } from "../../src/base/errors.ts";
import { onRedis } from "../queue/brokers.ts";
import { running, Stage } from "../queue/stage.ts";
import { eventually } from "../support/poll.ts";
import { startRedis } from "../support/redis_server.ts";

const stage = new Stage(onRedis);

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
});
