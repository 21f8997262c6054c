import { it } from "node:test";
import process from "node:process";
import { assert, assertEquals, assertInstanceOf, assertLess, assertStringIncludes } from "@std/assert";
import { StreaqRetry, TimeoutError } from "../../../src/base/errors.ts";
import { taskContext } from "../../../src/queue/context/task_context.ts";
import { eventually } from "../../support/poll.ts";
import { gate } from "../../support/promises.ts";
import { behaviour } from "../behaviour.ts";
import { clockPasses, Lines, nextTurn, running, untilAborted } from "../stage.ts";
import { slotCounter } from "./slots.ts";

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
    const worker = await stage.worker({ concurrency: 2 });
    const freeSlots = slotCounter(worker);
    const { open, opened } = gate();
    const slow = worker.task(() => opened, { name: "slow", timeout: 50 });
    const run = running(worker);
    const task = await slow.enqueue();
    await task.result();
    await eventually(() => worker.lingering === 1);
    assertEquals([worker.running, await task.status()], [1, "done"]);
    assertEquals([await freeSlots(), worker.lingering], [1, 1]);
    open();
    await eventually(() => worker.running === 0 && worker.lingering === 0);
    assertEquals(await freeSlots(), 2);
    await run.stop();
    await stage.assertClean(worker);
  });

  const endings: [ending: string, end: () => unknown][] = [
    ["returns", () => "late"],
    ["throws", () => {
      throw new RangeError("late");
    }],
    ["asks for a retry", () => {
      throw new StreaqRetry("late", { delay: 0 });
    }],
    ["throws the reason of its signal", () => taskContext().signal.throwIfAborted()],
  ];
  for (const [ending, end] of endings) {
    it(`stays the outcome when the function ${ending} afterwards`, async () => {
      const worker = await stage.worker();
      const { open, opened } = gate();
      let runs = 0;
      const slow = worker.task(async function slow() {
        runs++;
        await opened;
        return end();
      }, { timeout: 50 });
      const unhandled: unknown[] = [];
      const note = (reason: unknown) => unhandled.push(reason);
      process.on("unhandledRejection", note);
      const task = await slow.enqueue();
      const burst = worker.run({ burst: true });
      await task.result();
      open();
      await burst;
      await nextTurn();
      process.off("unhandledRejection", note);
      assertInstanceOf((await task.result()).exception, TimeoutError);
      const { failed, completed, retried, relinquished } = worker.counters;
      assertEquals([runs, failed, completed, retried, relinquished], [1, 1, 0, 0, 0]);
      assertEquals(unhandled, []);
      await stage.assertClean(worker);
    });
  }

  it("is followed by a warning about a function that ignores its signal, and only about that", async () => {
    const lines = new Lines();
    const worker = await stage.worker({ logger: lines });
    const { open, opened } = gate();
    const deaf = worker.task(() => opened, { name: "deaf", timeout: 50 });
    const good = worker.task(() => untilAborted(taskContext().signal), { name: "good", timeout: 50 });
    const run = running(worker);
    // A warning about the first task would come first.
    const [, ignoring] = await worker.enqueueMany([good.enqueue(), deaf.enqueue()]);
    await eventually(() => lines.with("ignores its signal").length > 0);
    const [line, ...others] = lines.with("ignores its signal");
    assertEquals(others, []);
    for (const part of ["warn", "deaf", ignoring.id]) assertStringIncludes(line!, part);
    open();
    await run.stop();
  });

  it("applies to a later try", async () => {
    const worker = await stage.worker();
    const job = worker.task(async function job() {
      const { tries, signal } = taskContext();
      if (tries === 1) throw new StreaqRetry("again", { delay: 0 });
      await untilAborted(signal);
    }, { timeout: 100 });
    const run = running(worker);
    const { exception, tries } = await (await job.enqueue()).result();
    assertInstanceOf(exception, TimeoutError);
    assertEquals(tries, 2);
    await run.stop();
    await stage.assertClean(worker);
  });

  it("does not replace the result of a function that blocks the event loop", async () => {
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

  it("of 0 fails a function that waits, and no other", async () => {
    const worker = await stage.worker();
    const wait = worker.task(() => untilAborted(taskContext().signal), { name: "wait", timeout: 0 });
    const compute = worker.task(() => 1, { name: "compute", timeout: 0 });
    const run = running(worker);
    const [waiting, computing] = await worker.enqueueMany([wait.enqueue(), compute.enqueue()]);
    assertInstanceOf((await waiting.result()).exception, TimeoutError);
    assertEquals((await computing.result()).result, 1);
    await run.stop();
    await stage.assertClean(worker);
  });

  it("of a year does not fire at once", async () => {
    const worker = await stage.worker();
    const hang = worker.task(() => untilAborted(taskContext().signal), { name: "hang", timeout: 20 });
    const job = worker.task(async () => {
      // A timer that overflows would fire before this timeout of 20 ms.
      assertInstanceOf((await (await hang.enqueue()).result()).exception, TimeoutError);
    }, { name: "job", timeout: "365d" });
    const task = await job.enqueue();
    await worker.run({ burst: true });
    assertEquals((await task.result()).success, true);
  });

  it("fails a task whose middleware hangs", async () => {
    const worker = await stage.worker();
    let calls = 0;
    worker.middleware((next) => async (...args) => {
      await untilAborted(taskContext().signal);
      return await next(...args);
    });
    const job = worker.task(() => void calls++, { name: "job", timeout: 50 });
    const task = await job.enqueue();
    await worker.run({ burst: true });
    assertInstanceOf((await task.result()).exception, TimeoutError);
    assertEquals(calls, 0);
  });
});

behaviour("a function that continues after its timeout", (stage) => {
  it("does not delay a shutdown, whatever the gracePeriod", async () => {
    const worker = await stage.worker({ gracePeriod: 30_000 });
    const { open, opened } = gate();
    const deaf = worker.task(() => opened, { name: "deaf", timeout: 50 });
    const run = running(worker);
    const task = await deaf.enqueue();
    await task.result();
    await eventually(() => worker.lingering === 1);
    const stopping = Date.now();
    await run.stop();
    assertLess(Date.now() - stopping, 20_000);
    assertInstanceOf((await task.result()).exception, TimeoutError);
    await stage.assertClean(worker);
    open();
    await nextTurn();
    assertInstanceOf((await task.result()).exception, TimeoutError);
  });

  it("lets a shutdown that waits for it finish as soon as it has timed out", async () => {
    const worker = await stage.worker({ gracePeriod: 30_000 });
    const { open, opened } = gate();
    const deaf = worker.task(() => opened, { name: "deaf", timeout: 800 });
    const run = running(worker);
    const task = await deaf.enqueue();
    await eventually(async () => await task.status() === "running");
    const stopping = Date.now();
    await run.stop();
    assertLess(Date.now() - stopping, 20_000);
    assertInstanceOf((await task.result()).exception, TimeoutError);
    open();
    await stage.assertClean(worker);
  });

  it("keeps a burst from resolving", async () => {
    const worker = await stage.worker();
    const { open, opened } = gate();
    const slow = worker.task(() => opened, { name: "slow", timeout: 50 });
    const next = worker.task(() => {}, { name: "next" });
    const task = await slow.enqueue();
    const burst = worker.run({ burst: true });
    await task.result();
    await eventually(() => worker.lingering === 1);
    // A burst that does not wait for the function would shut down before one of these tasks, and not run it.
    for (let i = 0; i < 5; i++) {
      await (await next.enqueue()).result({ timeout: "10s" });
      for (let turn = 0; turn < 10; turn++) await Promise.all([nextTurn(), worker.queueSize()]);
    }
    open();
    await burst;
    assertEquals([worker.lingering, worker.counters.completed], [0, 5]);
  });

  it("is not run again by another worker after its lease has expired", async () => {
    const queueName = stage.newQueue();
    const options = { queueName, idleTimeout: 200 };
    const workers = [await stage.worker(options), await stage.worker(options)];
    const { open, opened } = gate();
    let runs = 0;
    const slow = async () => {
      runs++;
      await opened;
    };
    const [task] = workers.map((worker) => worker.task(slow, { name: "slow", timeout: 100 }));
    const runners = workers.map((worker) => running(worker));
    await (await task!.enqueue()).result();
    await eventually(() => workers.some((worker) => worker.lingering === 1));
    // Several times the idleTimeout.
    await clockPasses(Date.now() + 600);
    open();
    await eventually(() => workers.every((worker) => worker.running === 0));
    assertEquals(runs, 1);
    assertEquals(workers.map((worker) => worker.counters.relinquished), [0, 0]);
    await Promise.all(runners.map((run) => run.stop()));
    await stage.assertClean(workers[0]!);
  });

  it("is released instead of timed out if a shutdown has aborted it before", async () => {
    const queueName = stage.newQueue();
    const [first, second] = [await stage.worker({ queueName }), await stage.worker({ queueName })];
    let runs = 0;
    const job = async () => {
      if (++runs > 1) return "second run";
      const { signal } = taskContext();
      const begun = Date.now();
      await untilAborted(signal).catch(() => {});
      // The time of the timeout passes, but not the half second that a shutdown allows.
      await clockPasses(begun + 400);
      signal.throwIfAborted();
      return "first run";
    };
    const task = await first.task(job, { name: "job", timeout: 400 }).enqueue();
    second.task(job, { name: "job", timeout: 400 });
    const run = running(first);
    await eventually(() => runs === 1);
    await run.stop();
    assertEquals(first.counters.failed, 0);
    await second.run({ burst: true });
    const result = await task.result();
    assertEquals([result.success && result.result, result.tries], ["second run", 1]);
    await stage.assertClean(second);
  });
});
