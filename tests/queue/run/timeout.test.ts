import { it } from "node:test";
import process from "node:process";
import { assert, assertEquals, assertInstanceOf, assertLess, assertStringIncludes } from "@std/assert";
import { StreaqRetry, TimeoutError } from "../../../src/base/errors.ts";
import { taskContext } from "../../../src/queue/context/task_context.ts";
import { eventually } from "../../support/poll.ts";
import { gate } from "../../support/promises.ts";
import { behaviour } from "../behaviour.ts";
import { Lines, running, sleep } from "../stage.ts";

behaviour("timeout", (stage) => {
  it("fails the task at once and aborts its signal, both with a TimeoutError", async () => {
    const worker = await stage.worker();
    const { open, opened } = gate();
    let signal: AbortSignal | undefined;
    const slow = worker.task(async function slow() {
      ({ signal } = taskContext());
      await opened;
    }, { timeout: 200 });
    const run = running(worker);
    const started = Date.now();
    const task = await slow.enqueue();
    const { exception, startTime, finishTime, tries } = await task.result();
    assertInstanceOf(exception, TimeoutError);
    for (const part of ["slow", "200"]) assertStringIncludes(exception.message, part);
    assert(Date.now() - started >= 200 && finishTime - startTime >= 199, `${finishTime - startTime}`);
    assertEquals(tries, 1);
    await eventually(() => signal!.aborted);
    assertInstanceOf(signal!.reason, TimeoutError);
    assertEquals((signal!.reason as Error).message, exception.message);
    open();
    await run.stop();
    assertEquals([worker.counters.failed, worker.counters.completed], [1, 0]);
    await stage.assertClean(worker);
  });

  it("keeps the slot until the function has settled", async () => {
    const worker = await stage.worker({ concurrency: 1 });
    const { open, opened } = gate();
    const order: string[] = [];
    const slow = worker.task(async () => {
      await opened;
      order.push("slow ends");
    }, { name: "slow", timeout: 50 });
    const next = worker.task(() => void order.push("next"), { name: "next" });
    const run = running(worker);
    const [first, second] = await worker.enqueueMany([slow.enqueue(), next.enqueue()]);
    await first.result();
    await eventually(() => worker.lingering === 1);
    assertEquals([worker.running, await first.status()], [1, "done"]);
    await sleep(300);
    assertEquals([order, await second.status(), worker.running, worker.lingering], [[], "queued", 1, 1]);
    open();
    await second.result();
    assertEquals(order, ["slow ends", "next"]);
    await eventually(() => worker.running === 0 && worker.lingering === 0);
    await run.stop();
    await stage.assertClean(worker);
  });

  const afterwards: [what: string, end: () => unknown][] = [
    ["returns", () => "late"],
    ["throws", () => {
      throw new RangeError("late");
    }],
    ["wants to be tried again", () => {
      throw new StreaqRetry("late", { delay: 0 });
    }],
    ["throws the reason of its signal", () => taskContext().signal.throwIfAborted()],
  ];
  for (const [what, end] of afterwards) {
    it(`stays the result when the function ${what} afterwards`, async () => {
      const worker = await stage.worker();
      let runs = 0;
      const slow = worker.task(async function slow() {
        runs++;
        await sleep(200);
        return end();
      }, { timeout: 50 });
      const unhandled: unknown[] = [];
      const note = (reason: unknown) => unhandled.push(reason);
      process.on("unhandledRejection", note);
      const task = await slow.enqueue();
      await worker.run({ burst: true });
      await sleep(20);
      process.off("unhandledRejection", note);
      assertInstanceOf((await task.result()).exception, TimeoutError);
      const { failed, completed, retried, relinquished } = worker.counters;
      assertEquals([runs, failed, completed, retried, relinquished], [1, 1, 0, 0, 0]);
      assertEquals(unhandled, []);
      await stage.assertClean(worker);
    });
  }

  it("is told of a function that ignores its signal, and of no other", async () => {
    const lines = new Lines();
    const worker = await stage.worker({ logger: lines });
    const { open, opened } = gate();
    const deaf = worker.task(() => opened, { name: "deaf", timeout: 50 });
    const good = worker.task(() => sleep(5000, taskContext().signal), { name: "good", timeout: 50 });
    const run = running(worker);
    const [ignoring] = await worker.enqueueMany([deaf.enqueue(), good.enqueue()]);
    await eventually(() => lines.with("ignores its signal").length > 0);
    const [line, ...others] = lines.with("ignores its signal");
    assertEquals(others, []);
    for (const part of ["warn", "deaf", ignoring.id]) assertStringIncludes(line!, part);
    open();
    await run.stop();
  });

  it("is counted anew for each try", async () => {
    const worker = await stage.worker();
    const signals: AbortSignal[] = [];
    const job = worker.task(async function job() {
      const { tries, signal } = taskContext();
      signals.push(signal);
      await sleep(500, signal);
      if (tries < 3) throw new StreaqRetry("again", { delay: 0 });
      return tries;
    }, { timeout: 1200 });
    const run = running(worker);
    assertEquals((await (await job.enqueue()).result()).result, 3);
    // Those of the tries that ended in time fire no more.
    await sleep(800);
    assertEquals(signals.map(({ aborted }) => aborted), [false, false, false]);
    await run.stop();
    assertEquals([worker.counters.retried, worker.counters.failed], [2, 0]);
    await stage.assertClean(worker);
  });

  it("may hit a later try", async () => {
    const worker = await stage.worker();
    const job = worker.task(async function job() {
      const { tries, signal } = taskContext();
      if (tries === 1) throw new StreaqRetry("again", { delay: 0 });
      await sleep(5000, signal);
    }, { timeout: 100 });
    const run = running(worker);
    const { exception, tries } = await (await job.enqueue()).result();
    assertInstanceOf(exception, TimeoutError);
    assertEquals(tries, 2);
    await run.stop();
    await stage.assertClean(worker);
  });

  it("does not undo what a function that blocks the event loop returns", async () => {
    const worker = await stage.worker();
    const block = worker.task(function block() {
      for (const until = Date.now() + 150; Date.now() < until;);
      return "done";
    }, { timeout: 50 });
    const run = running(worker);
    const tasks = await worker.enqueueMany([block.enqueue(), block.enqueue()]);
    const results = await Promise.all(tasks.map((task) => task.result()));
    assertEquals(results.map((result) => result.success && result.result), ["done", "done"]);
    await run.stop();
    assertEquals(worker.counters.completed, 2);
    await stage.assertClean(worker);
  });

  it("of 0 leaves no time to wait for anything", async () => {
    const worker = await stage.worker();
    const wait = worker.task(() => sleep(200), { name: "wait", timeout: 0 });
    const compute = worker.task(() => 1, { name: "compute", timeout: 0 });
    const run = running(worker);
    const [waiting, computing] = await worker.enqueueMany([wait.enqueue(), compute.enqueue()]);
    assertInstanceOf((await waiting.result()).exception, TimeoutError);
    assertEquals((await computing.result()).result, 1);
    await run.stop();
    await stage.assertClean(worker);
  });

  it("of months does not fire at once", async () => {
    const worker = await stage.worker();
    const job = worker.task(() => sleep(50), { name: "job", timeout: "365d" });
    const task = await job.enqueue();
    await worker.run({ burst: true });
    assertEquals((await task.result()).success, true);
  });

  it("ends a task that middleware holds up", async () => {
    const worker = await stage.worker();
    let calls = 0;
    worker.middleware((next) => async (...args) => {
      await sleep(5000, taskContext().signal);
      return await next(...args);
    });
    const job = worker.task(() => void calls++, { name: "job", timeout: 50 });
    const task = await job.enqueue();
    await worker.run({ burst: true });
    assertInstanceOf((await task.result()).exception, TimeoutError);
    assertEquals(calls, 0);
  });
});

behaviour("a function that goes on after its timeout", (stage) => {
  it("is not waited for when the worker stops, whatever the gracePeriod", async () => {
    const worker = await stage.worker({ gracePeriod: 30_000 });
    const { open, opened } = gate();
    const deaf = worker.task(() => opened, { name: "deaf", timeout: 50 });
    const run = running(worker);
    const task = await deaf.enqueue();
    await task.result();
    await eventually(() => worker.lingering === 1);
    const stopping = Date.now();
    await run.stop();
    assertLess(Date.now() - stopping, 5000);
    assertInstanceOf((await task.result()).exception, TimeoutError);
    await stage.assertClean(worker);
    open();
    await sleep(20);
    assertInstanceOf((await task.result()).exception, TimeoutError);
  });

  it("ends the gracePeriod when it was all that was waited for", async () => {
    const worker = await stage.worker({ gracePeriod: 30_000 });
    const { open, opened } = gate();
    const deaf = worker.task(() => opened, { name: "deaf", timeout: 800 });
    const run = running(worker);
    const task = await deaf.enqueue();
    await eventually(async () => await task.status() === "running");
    const stopping = Date.now();
    await run.stop();
    assertLess(Date.now() - stopping, 8000);
    assertInstanceOf((await task.result()).exception, TimeoutError);
    open();
    await stage.assertClean(worker);
  });

  it("is waited for with burst", async () => {
    const worker = await stage.worker();
    let hasSettled = false;
    const slow = worker.task(async () => {
      await sleep(400);
      hasSettled = true;
    }, { name: "slow", timeout: 50 });
    await slow.enqueue();
    await worker.run({ burst: true });
    assertEquals(hasSettled, true);
  });

  it("is not run again by another worker, though its lease is gone", async () => {
    const queueName = stage.newQueue();
    const options = { queueName, idleTimeout: 200 };
    const workers = [await stage.worker(options), await stage.worker(options)];
    let runs = 0;
    const slow = async () => {
      runs++;
      await sleep(900);
    };
    const [task] = workers.map((worker) => worker.task(slow, { name: "slow", timeout: 100 }));
    const runners = workers.map((worker) => running(worker));
    const ended = await task!.enqueue();
    await ended.result();
    await eventually(() => workers.some((worker) => worker.lingering === 1));
    await eventually(() => workers.every((worker) => worker.running === 0));
    assertEquals(runs, 1);
    assertEquals(workers.map((worker) => worker.counters.relinquished), [0, 0]);
    await Promise.all(runners.map((run) => run.stop()));
    await stage.assertClean(workers[0]!);
  });

  it("that the worker's stop has asked to end is handed back, however long it takes then", async () => {
    const queueName = stage.newQueue();
    const [first, second] = [await stage.worker({ queueName }), await stage.worker({ queueName })];
    let runs = 0;
    const job = async () => {
      if (++runs > 1) return "second run";
      const { signal } = taskContext();
      // It would have ended in time, but for the shutdown.
      await sleep(400, signal).catch(() => sleep(400));
      signal.throwIfAborted();
      return "first run";
    };
    const task = await first.task(job, { name: "job", timeout: 500 }).enqueue();
    second.task(job, { name: "job", timeout: 500 });
    const run = running(first);
    await eventually(() => runs === 1);
    await sleep(200);
    await run.stop();
    assertEquals(first.counters.failed, 0);
    await second.run({ burst: true });
    const result = await task.result();
    assertEquals([result.success && result.result, result.tries], ["second run", 1]);
    await stage.assertClean(second);
  });
});
