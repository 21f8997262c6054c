import { describe, it } from "node:test";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { taskContext } from "../../src/queue/context.ts";
import { startProxy } from "../support/tcp_proxy.ts";
import { eventually } from "../support/poll.ts";
import { assertClean } from "./keyspace.ts";
import { Lines, running, sleep, Stage } from "./stage.ts";

const stage = new Stage();

describe("a lease", () => {
  it("is renewed as long as the task runs or waits: 24 tasks longer than idleTimeout run 24 times", async () => {
    const worker = await stage.worker({ concurrency: 8, prefetch: 16, idleTimeout: 300 });
    const other = await stage.worker({ queueName: worker.queueName, concurrency: 1, prefetch: 0, idleTimeout: 300 });
    let runs = 0;
    const long = async () => {
      runs++;
      await sleep(700);
    };
    const task = worker.task(long, { name: "long" });
    other.task(long, { name: "long" });
    const tasks = await worker.enqueueMany(Array.from({ length: 24 }, () => task.enqueue()));
    const runners = [running(worker), running(other)];
    const results = await Promise.all(tasks.map((task) => task.result()));
    assertEquals([runs, results.every(({ tries, success }) => success && tries === 1)], [24, true]);
    await Promise.all(runners.map((run) => run.stop()));
    await assertClean(worker.redis, worker.queueName);
  });

  it("that runs out is taken over; the late failure of the former holder does not count, its signal is aborted", async () => {
    const queueName = stage.newQueue();
    const server = await stage.server;
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
    await assertClean(rescuer.redis, queueName);
  });

  it("does not matter for a success: whoever comes first counts, and the other's does not", async () => {
    const queueName = stage.newQueue();
    const server = await stage.server;
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
    await assertClean(rescuer.redis, queueName);
  });

  it("runs out by the largest idleTimeout of the living, and workers that differ say so", async () => {
    const queueName = stage.newQueue();
    const lines = new Lines();
    const patient = await stage.worker({ queueName, idleTimeout: 60_000, prefetch: 0 });
    const hasty = await stage.worker({ queueName, idleTimeout: 100, logger: lines, concurrency: 1 });
    let runs = 0;
    const job = patient.task(async function job() {
      runs++;
      await sleep(600);
    });
    hasty.task(async function job() {
      runs++;
      await Promise.resolve();
    });
    const first = running(patient);
    const task = await job.enqueue();
    await eventually(() => runs === 1);
    const second = running(hasty);
    const { success, tries } = await task.result();
    assertEquals([runs, success, tries], [1, true, 1]);
    await Promise.all([first.stop(), second.stop()]);
    assert(lines.with("60000 ms").length > 0);
  });

  it("is not hoarded: what waits in the buffer of a busy worker is soon in the hands of an idle one", async () => {
    const queueName = stage.newQueue();
    const busy = await stage.worker({ queueName, concurrency: 1, prefetch: 10, id: "busy" });
    const idle = await stage.worker({ queueName, concurrency: 1, id: "idle" });
    const job = async (ms: number) => await sleep(ms);
    const task = busy.task(job, { name: "job" });
    idle.task(job, { name: "job" });
    const first = running(busy);
    // Many short ones in a row raise the allowance to read ahead.
    const warm = await busy.enqueueMany(Array.from({ length: 200 }, () => task.enqueue(0)));
    const long = await task.enqueue(4000);
    const short = await task.enqueue(0);
    await Promise.all(warm.map((task) => task.result()));
    await eventually(async () => await long.status() === "running");
    const second = running(idle);
    assertEquals((await short.result({ timeout: 3000 })).workerId, "idle");
    assertEquals(await long.status(), "running");
    await long.result();
    await Promise.all([first.stop(), second.stop()]);
    await assertClean(busy.redis, queueName);
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
    assertStringIncludes(exception.message, "Gave up after 2 tries");
    assertEquals([runs, tries], [1, 3]);
    await run.stop();
    assertEquals((await task.result()).result, 1);
    await assertClean(worker.redis, worker.queueName);
  });
});
