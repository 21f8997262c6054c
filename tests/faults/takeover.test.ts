import { describe, it } from "node:test";
import { assertEquals, assertStringIncludes } from "@std/assert";
import { taskContext } from "../../src/queue/context/task_context.ts";
import { onRedis } from "../queue/brokers.ts";
import { Lines, running, sleep, Stage } from "../queue/stage.ts";
import { eventually } from "../support/poll.ts";
import { startProxy } from "../support/tcp_proxy.ts";

const stage = new Stage(onRedis);

describe("a lease", () => {
  it("that runs out is taken over; the late failure of the former holder does not count, its signal is aborted", async () => {
    const queueName = stage.newQueue();
    const { server } = await stage.broker;
    await using proxy = await startProxy(server.port);
    const lines = new Lines();
    const options = { queueName, idleTimeout: 400 };
    const stalled = await stage.worker({ ...options, redisUrl: `redis://127.0.0.1:${proxy.port}`, logger: lines });
    const rescuer = await stage.worker(options);
    const runs: { by: string; tries: number }[] = [];
    let reason: unknown;
    stalled.task(async function job() {
      runs.push({ by: "stalled", tries: taskContext().tries });
      try {
        await sleep(10_000, taskContext().signal);
      } catch (error) {
        reason = error;
        throw error;
      }
    });
    const job = rescuer.task(async function job() {
      runs.push({ by: "rescuer", tries: taskContext().tries });
      await sleep(300);
      return "rescued";
    });
    const first = running(stalled);
    const task = await job.enqueue();
    await eventually(() => runs.length === 1);
    proxy.swallow();
    const second = running(rescuer);
    assertEquals((await task.result({ timeout: "5s" })).result, "rescued");
    assertEquals(runs, [{ by: "stalled", tries: 1 }, { by: "rescuer", tries: 2 }]);
    proxy.resume();
    proxy.cut();
    await eventually(() => reason !== undefined, { timeout: 10_000 });
    assertStringIncludes(String(reason), task.id);
    await Promise.all([first.stop(), second.stop()]);
    assertEquals((await task.result()).result, "rescued");
    await stage.assertClean(rescuer);
  });

  it("does not matter for a success: whoever comes first counts, and the other's does not", async () => {
    const queueName = stage.newQueue();
    const { server } = await stage.broker;
    await using proxy = await startProxy(server.port);
    const lines = new Lines();
    const options = { queueName, idleTimeout: 400 };
    const stalled = await stage.worker({ ...options, redisUrl: `redis://127.0.0.1:${proxy.port}`, logger: lines });
    const rescuer = await stage.worker(options);
    let begun = 0;
    let finish = () => {};
    const finished = new Promise<void>((resolve) => finish = resolve);
    stalled.task(async function job() {
      begun++;
      await finished;
      return "first";
    });
    const job = rescuer.task(async function job() {
      begun++;
      await sleep(1500);
      return "second";
    });
    const first = running(stalled);
    const task = await job.enqueue();
    await eventually(() => begun === 1);
    proxy.swallow();
    const second = running(rescuer);
    await eventually(() => begun === 2);
    proxy.resume();
    proxy.cut();
    finish();
    assertEquals((await task.result({ timeout: "5s" })).result, "first");
    await eventually(() => rescuer.running === 0, { timeout: 5000 });
    await eventually(() => rescuer.counters.relinquished === 1);
    assertEquals((await task.result()).result, "first");
    await Promise.all([first.stop(), second.stop()]);
    assertEquals([stalled.counters.completed, rescuer.counters.completed], [1, 0]);
    await stage.assertClean(rescuer);
  });
});

describe("maxTries", () => {
  it("ends a task whose worker died over it that often", async () => {
    const worker = await stage.worker({ idleTimeout: 200 });
    let runs = 0;
    const job = worker.task(() => ++runs, { name: "job", maxTries: 2 });
    const task = await job.enqueue();
    const stream = `streaq:${worker.queueName}:queues:normal`;
    await worker.run({ burst: true });
    assertEquals(runs, 1);
    // As two workers leave it that are killed in the middle of it.
    const next = await job.enqueue();
    await worker.redis.command(["XREADGROUP", "GROUP", "workers", "dead", "COUNT", 1, "STREAMS", stream, ">"]);
    await worker.redis.command(["HSET", `streaq:${worker.queueName}:ts:running`, next.id, "0-1 1 dead"]);
    await worker.redis.command(["SET", `streaq:${worker.queueName}:task:retry:${next.id}`, 1]);
    const run = running(worker);
    const { exception, tries } = await next.result();
    assertStringIncludes(exception!.message, "was given up after 2 tries");
    assertEquals([runs, tries], [1, 2]);
    await run.stop();
    assertEquals((await task.result()).result, 1);
    await stage.assertClean(worker);
  });
});

describe("the lock of a unique task", () => {
  it("is lost by a worker that stalls past it; another task runs then, and the log says so", async () => {
    const queueName = stage.newQueue();
    const { server } = await stage.broker;
    await using proxy = await startProxy(server.port);
    const lines = new Lines();
    const options = { queueName, idleTimeout: 400 };
    const stalled = await stage.worker({ ...options, redisUrl: `redis://127.0.0.1:${proxy.port}`, logger: lines });
    const other = await stage.worker(options);
    let begun = 0;
    let finish = () => {};
    const finished = new Promise<void>((resolve) => finish = resolve);
    stalled.task(async function alone(_n: number) {
      begun++;
      await finished;
      return "stalled";
    }, { unique: true, timeout: "1m" });
    let beside = 0;
    const alone = other.task(async function alone(n: number) {
      beside++;
      await sleep(n);
      return "other";
    }, { unique: true, timeout: "1m" });
    const first = running(stalled);
    const held = await alone.enqueue(3000);
    await eventually(() => begun === 1);
    proxy.swallow();
    await sleep(600);
    const second = running(other);
    // What the stalled one held is taken over too, and may be first; then this one fails.
    const results = [await alone.enqueue(3000), held].map((task) => task.result({ timeout: "20s" }));
    await eventually(() => beside === 1);
    proxy.resume();
    proxy.cut();
    await eventually(() => lines.with("stalled past its lock").length === 1, { timeout: 10_000 });
    finish();
    assertEquals((await Promise.all(results)).filter(({ success }) => success).length >= 1, true);
    await Promise.all([first.stop(), second.stop()]);
    await stage.assertClean(other);
  });
});
