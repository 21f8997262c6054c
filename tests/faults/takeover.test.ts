import { describe, it } from "node:test";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { taskContext } from "../../src/queue/context/task_context.ts";
import { onRedis } from "../queue/brokers.ts";
import { Lines, running, Stage, untilAborted } from "../queue/stage.ts";
import { eventually } from "../support/poll.ts";
import { gate } from "../support/promises.ts";
import { startProxy } from "../support/tcp_proxy.ts";
import { setBack } from "./clock_set_back.ts";

const stage = new Stage(onRedis);

/** Two workers of one queue. The connections of the first go through a proxy, which can stall them past idleTimeout. */
async function newPair() {
  const proxy = await startProxy((await stage.broker).server.port);
  const lines = new Lines();
  const options = { queueName: stage.newQueue(), idleTimeout: 400 };
  const redisUrl = `redis://127.0.0.1:${proxy.port}`;
  return {
    proxy,
    lines,
    stalled: await stage.worker({ ...options, redisUrl, logger: lines }),
    rescuer: await stage.worker(options),
    [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose](),
  };
}

describe("a worker that stalls past its lease", () => {
  it("loses its task to a worker that starts after the server's clock was set back by an hour", async () => {
    await using pair = await newPair();
    const { proxy, stalled, rescuer } = pair;
    let isRunning = false;
    stalled.task(async function job() {
      isRunning = true;
      await untilAborted(taskContext().signal);
    });
    const job = rescuer.task(function job() {
      return "rescued";
    });
    const first = running(stalled);
    const task = await job.enqueue();
    await eventually(() => isRunning);
    proxy.swallow();
    await setBack(rescuer.redis, `streaq:${rescuer.queueName}:queues:normal`, 3_600_000);
    const second = running(rescuer);
    assertEquals(await task.value({ timeout: "10s" }), "rescued");
    proxy.resume();
    proxy.cut();
    await Promise.all([first.stop(), second.stop()]);
  });

  it("loses its task to another worker: the signal is aborted, and a late failure does not count", async () => {
    await using pair = await newPair();
    const { proxy, stalled, rescuer } = pair;
    const runs: { by: string; tries: number }[] = [];
    let reason: unknown;
    stalled.task(async function job() {
      runs.push({ by: "stalled", tries: taskContext().tries });
      try {
        await untilAborted(taskContext().signal);
      } catch (error) {
        reason = error;
        throw error;
      }
    });
    const job = rescuer.task(function job() {
      runs.push({ by: "rescuer", tries: taskContext().tries });
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

  it("loses a task that is to be tried again after a timeout, and does not put it back", async () => {
    await using pair = await newPair();
    const { proxy, lines, stalled, rescuer } = pair;
    const [stalledGate, rescuerGate] = [gate(), gate()];
    let [signal, runs]: [AbortSignal | undefined, number] = [undefined, 0];
    stalled.task(async function job() {
      ({ signal } = taskContext());
      await stalledGate.opened;
    }, { timeout: 50, retry: 0 });
    const job = rescuer.task(async function job() {
      runs++;
      await rescuerGate.opened;
      return taskContext().tries;
    });
    const first = running(stalled);
    const task = await job.enqueue();
    await eventually(() => signal?.aborted ?? false);
    proxy.swallow();
    const second = running(rescuer);
    await eventually(() => runs === 1);
    proxy.resume();
    proxy.cut();
    await eventually(() => lines.with(`↩ ${task.id} was taken over by another worker`).length === 1);
    assertEquals([stalled.running, stalled.lingering, stalled.counters.relinquished], [1, 1, 1]);
    stalledGate.open();
    await eventually(() => stalled.running === 0);
    rescuerGate.open();
    assertEquals((await task.result({ timeout: "5s" })).result, 2);
    await Promise.all([first.stop(), second.stop()]);
    assertEquals([runs, stalled.counters.retried, stalled.counters.failed], [1, 0, 0]);
    await stage.assertClean(rescuer);
  });

  it("stores its success if it comes first, and the success of the other worker does not count", async () => {
    await using pair = await newPair();
    const { proxy, stalled, rescuer } = pair;
    const [first, second] = [gate(), gate()];
    let runs = 0;
    stalled.task(async function job() {
      runs++;
      await first.opened;
      return "first";
    });
    const job = rescuer.task(async function job() {
      runs++;
      await second.opened;
      return "second";
    });
    const stalledRun = running(stalled);
    const task = await job.enqueue();
    await eventually(() => runs === 1);
    proxy.swallow();
    const rescuerRun = running(rescuer);
    await eventually(() => runs === 2);
    proxy.resume();
    proxy.cut();
    first.open();
    assertEquals((await task.result({ timeout: "5s" })).result, "first");
    second.open();
    await eventually(() => rescuer.running === 0, { timeout: 5000 });
    await eventually(() => rescuer.counters.relinquished === 1);
    assertEquals((await task.result()).result, "first");
    await Promise.all([stalledRun.stop(), rescuerRun.stop()]);
    assertEquals([stalled.counters.completed, rescuer.counters.completed], [1, 0]);
    await stage.assertClean(rescuer);
  });

  it("loses the lock of its unique task as well, and logs that another one may run beside it", async () => {
    await using pair = await newPair();
    const { proxy, lines, stalled, rescuer } = pair;
    const [stalledGate, rescuerGate] = [gate(), gate()];
    let [stalledRuns, rescuerRuns] = [0, 0];
    stalled.task(async function alone() {
      stalledRuns++;
      await stalledGate.opened;
    }, { unique: true, timeout: "1m" });
    const alone = rescuer.task(async function alone() {
      rescuerRuns++;
      await rescuerGate.opened;
    }, { unique: true, timeout: "1m" });
    const first = running(stalled);
    const stalledTask = await alone.enqueue();
    await eventually(() => stalledRuns === 1);
    proxy.swallow();
    const lock = `streaq:${rescuer.queueName}:task:lock:alone`;
    await eventually(async () => await rescuer.redis.command(["EXISTS", lock]) === 0);
    const second = running(rescuer);
    // The other worker also takes over the task of the stalled one. One of the two runs, and the other may fail.
    const tasks = [await alone.enqueue(), stalledTask];
    await eventually(() => rescuerRuns === 1);
    proxy.resume();
    proxy.cut();
    await eventually(() => lines.with("may run beside it").length === 1, { timeout: 10_000 });
    stalledGate.open();
    rescuerGate.open();
    const results = await Promise.all(tasks.map((task) => task.result({ timeout: "20s" })));
    assert(results.some(({ success }) => success));
    await Promise.all([first.stop(), second.stop()]);
    await stage.assertClean(rescuer);
  });
});

describe("a task with maxTries: 2", () => {
  it("fails without another run after two workers have died during it", async () => {
    const worker = await stage.worker({ idleTimeout: 200 });
    let runs = 0;
    const job = worker.task(() => ++runs, { name: "job", maxTries: 2 });
    const task = await job.enqueue();
    await worker.run({ burst: true });
    assertEquals(runs, 1);
    // The state that two workers leave behind that were killed during the next task.
    const next = await job.enqueue();
    const stream = `streaq:${worker.queueName}:queues:normal`;
    await worker.redis.command(["XREADGROUP", "GROUP", "workers", "dead", "COUNT", 1, "STREAMS", stream, ">"]);
    await worker.redis.command(["HSET", `streaq:${worker.queueName}:ts:running`, next.id, "0-1 1 dead"]);
    const prefix = `streaq:${worker.queueName}`;
    await worker.redis.command(["SET", `${prefix}:task:retry:${next.id}`, 1]);
    await worker.redis.command(["SADD", `${prefix}:ts:tried`, next.id]);
    const run = running(worker);
    const { exception, tries } = await next.result();
    assertStringIncludes(exception!.message, "was given up after 2 tries");
    assertEquals([runs, tries], [1, 2]);
    await run.stop();
    assertEquals((await task.result()).result, 1);
    await stage.assertClean(worker);
  });
});
