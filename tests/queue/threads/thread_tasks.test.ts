import process from "node:process";
import { it } from "node:test";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { StreaqCancelled, TimeoutError } from "../../../src/base/errors.ts";
import type { WorkerOptions } from "../../../src/queue/options/worker_options.ts";
import { eventually } from "../../support/poll.ts";
import { behaviour } from "../behaviour.ts";
import { fixture } from "./calls.ts";
import * as tasks from "./fixtures/thread_tasks.ts";
import { Lines, running } from "../stage.ts";

behaviour("a task in a thread", (stage) => {
  /** A running worker with the tasks of the fixture. */
  async function setUp(options: WorkerOptions<undefined> = {}) {
    const worker = await stage.worker(options);
    worker.include(tasks.worker);
    return { worker, run: running(worker) };
  }

  it("leaves the event loop free while it computes, so that its lease is renewed", async () => {
    const { worker, run } = await setUp({ idleTimeout: 400 });
    let lag = 0;
    let last = performance.now();
    const task = await tasks.spin.enqueue(10);
    await task.result();
    const interval = setInterval(() => {
      lag = Math.max(lag, performance.now() - last - 10);
      last = performance.now();
    }, 10);
    last = performance.now();
    const long = await tasks.spin.enqueue(2000);
    const { success, tries } = await long.result();
    clearInterval(interval);
    assertEquals([success, tries, worker.counters.relinquished], [true, 1, 0]);
    assert(lag < 1800, `the event loop was blocked for ${lag} ms`);
    await run.stop();
    await stage.assertClean(worker);
  });

  it("runs beside others, as many at once as threadConcurrency", async () => {
    const { worker, run } = await setUp({ threadConcurrency: 2, concurrency: 8 });
    const requests = Array.from({ length: 6 }, () => tasks.spin.enqueue(50));
    const results = await Promise.all((await worker.enqueueMany(requests)).map((task) => task.result()));
    assertEquals(new Set(results.map(({ result }) => result)).size, 2);
    await run.stop();
  });

  it("has a task context, but no worker context", async () => {
    const { run } = await setUp();
    const task = await tasks.context.enqueue();
    assertEquals((await task.result()).result, {
      fnName: "context",
      taskId: task.id,
      tries: 1,
      timeout: 60_000,
      ttl: 300_000,
      refusal: "StreaqError",
    });
    await run.stop();
  });

  it("can ask for a retry, and fails with the error that it throws", async () => {
    const { worker, run } = await setUp();
    const [again, failed] = await worker.enqueueMany([tasks.again.enqueue(), tasks.fail.enqueue()]);
    assertEquals((await again.result()).result, 3);
    const { exception } = await failed.result();
    assert(exception instanceof RangeError && exception.cause instanceof TypeError);
    assertStringIncludes(exception.stack!, "thread_tasks");
    assertEquals(worker.counters.retried, 2);
    await run.stop();
  });

  it("is ended by its timeout or an abort, which frees its slot", async () => {
    const { worker, run } = await setUp({ concurrency: 1 });
    const [late, stuck] = await worker.enqueueMany([tasks.endless.enqueue(), tasks.stuck.enqueue()]);
    assert((await late.result()).exception instanceof TimeoutError);
    await eventually(async () => await stuck.status() === "running");
    await eventually(() => worker.lingering === 0 && worker.running === 1);
    assertEquals(await stuck.abort(), true);
    assert((await stuck.result()).exception instanceof StreaqCancelled);
    assertEquals((await (await tasks.spin.enqueue(1)).result({ timeout: "10s" })).success, true);
    assertEquals([worker.counters.failed, worker.counters.aborted, worker.lingering], [1, 1, 0]);
    await run.stop();
    await stage.assertClean(worker);
  });

  it("can be aborted while its module is being imported, and the next task gets another thread", async () => {
    process.env["STREAQ_TEST_FAULT"] = "waits";
    const worker = await stage.worker({ threadConcurrency: 1 });
    worker.include(tasks.worker);
    const work = worker.task(() => {}, { name: "work", thread: fixture("faulty") });
    const run = running(worker);
    const [stuck, next] = await worker.enqueueMany([work.enqueue(), tasks.spin.enqueue(1)]);
    await eventually(async () => await stuck.status() === "running");
    assertEquals(await stuck.abort(), true);
    assert((await stuck.result()).exception instanceof StreaqCancelled);
    assertEquals((await next.result({ timeout: "10s" })).success, true);
    await run.stop();
    await stage.assertClean(worker);
  });

  it("fails if it ends its thread, and the next task gets another thread", async () => {
    const { run } = await setUp();
    assertStringIncludes((await (await tasks.die.enqueue()).result()).exception!.message, "die");
    assertEquals((await (await tasks.spin.enqueue(1)).result()).success, true);
    await run.stop();
  });

  it("is released by a shutdown, and its signal aborts unless it blocks its thread", async () => {
    const lines = new Lines();
    const { worker, run } = await setUp({ logger: lines });
    const [busy, free] = await worker.enqueueMany([tasks.stuck.enqueue(), tasks.wait.enqueue()]);
    await eventually(() => lines.with("□").length === 2);
    await run.stop();
    assertEquals((await free.result()).result, "heard");
    assertEquals(await busy.status(), "queued");
    await busy.abort();
    await worker.run({ burst: true });
    await stage.assertClean(worker);
  });

  it("cannot enqueue if the worker of its module has another queue", async () => {
    const { worker, run } = await setUp();
    const { exception } = await (await tasks.enqueue.enqueue()).result();
    assertStringIncludes(exception!.message, `queue ${worker.queueName}, got default`);
    await run.stop();
  });

  it("runs under the middleware of the main thread, and can be unique", async () => {
    const worker = await stage.worker();
    worker.include(tasks.worker);
    const seen: unknown[] = [];
    worker.middleware((next) => async (...args) => {
      seen.push(args[0]);
      return await next(...args);
    });
    const run = running(worker);
    const [one, two] = await worker.enqueueMany([tasks.alone.enqueue(20), tasks.alone.enqueue(20)]);
    const results = await Promise.all([one.result(), two.result()]);
    assertEquals(results.map(({ success }) => success).sort(), [false, true]);
    assertEquals(seen, [20]);
    await run.stop();
    await stage.assertClean(worker);
  });
});
