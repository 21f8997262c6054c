/** Workers that drain a queue. */
import { it } from "node:test";
import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { StreaqCancelled, StreaqRetry } from "../../../src/base/errors.ts";
import { taskContext } from "../../../src/queue/context/task_context.ts";
import type { Worker } from "../../../src/queue/worker.ts";
import { eventually } from "../../support/poll.ts";
import { behaviour } from "../behaviour.ts";
import { nextTurn, running } from "../stage.ts";
import * as threads from "../threads/fixtures/thread_tasks.ts";

const timeout = "60s";

behaviour("a drain", (stage) => {
  /** A worker whose tasks count their runs. */
  async function setUp() {
    const worker = await stage.worker({ concurrency: 32, threadConcurrency: 1, priorities: ["low", "normal", "high"] });
    const runs = new Map<string, number>();
    const count = () => {
      const { taskId } = taskContext();
      runs.set(taskId, (runs.get(taskId) ?? 0) + 1);
    };
    const tasks = {
      sync: worker.task((n: number) => {
        count();
        return n;
      }, { name: "sync", silent: true }),
      async: worker.task(async (n: number) => {
        count();
        for (let turn = n % 4; turn > 0; turn--) await nextTurn();
        return n;
      }, { name: "async", silent: true }),
      failing: worker.task((n: number): number => {
        count();
        throw new RangeError(`no ${n}`);
      }, { name: "failing", silent: true }),
      retrying: worker.task((n: number) => {
        count();
        if (taskContext().tries < 3) throw new StreaqRetry("again", { delay: 0 });
        return n;
      }, { name: "retrying", silent: true }),
      brief: worker.task(count, { name: "brief", silent: true, ttl: 0 }),
      unique: worker.task(async (n: number) => {
        count();
        await nextTurn();
        return n;
      }, { name: "unique", silent: true, unique: true, timeout: "1m" }),
      add: worker.task((value: number, { one = 1 }: { one?: number } = {}) => {
        count();
        return value + one;
      }, { name: "add", silent: true }),
    };
    return { worker, runs, ...tasks };
  }

  it("gives each of 3,000 tasks with all kinds of outcomes one result, and leaves nothing behind", async () => {
    const { worker, runs, ...tasks } = await setUp();
    worker.include(threads.worker);
    const priorities = ["low", "normal", "high"];
    const priority = (n: number) => ({ priority: priorities[n % 3] });
    const of = <T>(count: number, make: (n: number) => T) => Array.from({ length: count }, (_, n) => make(n));

    const succeeding = await worker.enqueueMany([
      ...of(600, (n) => tasks.sync.enqueue(n).start(priority(n))),
      ...of(600, (n) => tasks.async.enqueue(n).start(priority(n))),
    ]);
    const failing = await worker.enqueueMany(of(300, (n) => tasks.failing.enqueue(n).start(priority(n))));
    const retrying = await worker.enqueueMany(of(150, (n) => tasks.retrying.enqueue(n).start(priority(n))));
    const brief = await worker.enqueueMany(of(300, (n) => tasks.brief.enqueue().start(priority(n))));
    const unique = await worker.enqueueMany(of(60, (n) => tasks.unique.enqueue(n).start(priority(n))));
    const inThreads = await worker.enqueueMany(of(20, (n) => threads.spin.enqueue(1).start(priority(n))));
    const piped = await Promise.all(
      of(100, (n) => tasks.sync.enqueue(n).start(priority(n)).pipe(tasks.add).pipe(tasks.add)),
    );
    const after = await worker.enqueueMany(
      of(300, (n) => tasks.async.enqueue(n).start({ after: succeeding[3 * n]!.id })),
    );
    const failed = await worker.enqueueMany(of(100, (n) => tasks.sync.enqueue(n).start({ after: failing[n]!.id })));
    const aborted = await worker.enqueueMany(of(200, (n) => tasks.sync.enqueue(n).start(priority(n))));
    const abortedBefore = await Promise.all(aborted.slice(0, 100).map((task) => task.abort()));

    const run = running(worker);
    await eventually(() => runs.size > 100, { timeout: 20_000 });
    const abortedMeanwhile = await Promise.all(aborted.slice(100).map((task) => task.abort()));

    const [ok, not] = await Promise.all([
      Promise.all([...succeeding, ...after].map((task) => task.value({ timeout }))),
      Promise.all([...failing, ...failed].map((task) => task.result({ timeout }))),
    ]);
    assertEquals(ok, [...of(600, (n) => n), ...of(600, (n) => n), ...of(300, (n) => n)]);
    assertEquals(not.map(({ success }) => success), not.map(() => false));
    for (const { id } of [...succeeding, ...after, ...failing]) assertEquals(runs.get(id), 1, id);
    for (const { id } of failed) assertEquals(runs.get(id), undefined, id);
    for (const [n, task] of retrying.entries()) {
      const { result, tries } = await task.result({ timeout });
      assertEquals([result, tries, runs.get(task.id)], [n, 3, 3]);
    }
    assertEquals(await Promise.all(piped.map((task) => task.value({ timeout }))), of(100, (n) => n + 2));
    const inThreadResults = await Promise.all(inThreads.map((task) => task.result({ timeout })));
    assertEquals(inThreadResults.map(({ success }) => success), inThreads.map(() => true));
    for (const task of unique) {
      const { success } = await task.result({ timeout });
      assertEquals(runs.get(task.id), success ? 1 : undefined);
    }
    const answers = [...abortedBefore, ...abortedMeanwhile];
    for (const [n, task] of aborted.entries()) {
      const { exception } = await task.result({ timeout });
      if (answers[n]) assertInstanceOf(exception, StreaqCancelled);
      else assertEquals([exception, runs.get(task.id)], [null, 1]);
      if (n < 100) assertEquals([answers[n], runs.get(task.id)], [true, undefined]);
    }
    await eventually(() => brief.every(({ id }) => runs.get(id) === 1), { timeout: 20_000 });
    await stage.assertClean(worker);
    await run.stop();
    assertEquals(worker.counters.retried, 300);
  });

  it("is overtaken by tasks of a higher priority", async () => {
    const worker = await stage.worker({ concurrency: 4, prefetch: 0, priorities: ["low", "high"] });
    const order: string[] = [];
    let isReached = () => {};
    const reached = new Promise<void>((resolve) => isReached = resolve);
    const low = worker.task(async () => {
      order.push("low");
      if (order.length === 100) isReached();
      await nextTurn();
    }, { name: "low", silent: true });
    const high = worker.task(async () => {
      order.push("high");
      await nextTurn();
    }, { name: "high", silent: true });
    await worker.enqueueMany(Array.from({ length: 3000 }, () => low.enqueue()));
    const run = running(worker);
    await reached;
    const urgent = worker.enqueueMany(Array.from({ length: 40 }, () => high.enqueue().start({ priority: "high" })));
    const tasks = await urgent;
    const enqueued = order.length;
    await Promise.all(tasks.map((task) => task.result({ timeout })));
    // Tasks that were leased before these were queued may still begin.
    const begun = order.slice(enqueued, order.lastIndexOf("high"));
    assert(begun.filter((name) => name === "low").length <= 8, begun.join(" "));
    await eventually(() => order.length === 3040, { timeout: 20_000 });
    await run.stop();
    await stage.assertClean(worker);
  });

  it("loses nothing and runs each of 2,000 tasks once while two workers are restarted ten times", async () => {
    const queueName = stage.newQueue();
    const runs: number[] = [];
    let [target, isReached] = [Infinity, () => {}];
    const newWorker = async () => {
      const worker = await stage.worker({ queueName, concurrency: 16, gracePeriod: 20_000 });
      const job = worker.task(async (n: number) => {
        runs.push(n);
        if (runs.length === target) isReached();
        for (let turn = n % 3; turn > 0; turn--) await nextTurn();
        return n;
      }, { name: "job", silent: true });
      return { worker, job };
    };
    const { worker: producer, job } = await newWorker();
    const start = async () => running((await newWorker()).worker as Worker<unknown>);
    const workers = [await start(), await start()];
    const tasks = [];
    for (let restart = 0; restart < 10; restart++) {
      const reached = new Promise<void>((resolve) => isReached = resolve);
      target = restart * 200 + 60;
      const next = (await newWorker()).worker as Worker<unknown>;
      const requests = Array.from({ length: 200 }, (_, n) => job.enqueue(restart * 200 + n));
      const enqueued = producer.enqueueMany(requests);
      // The shutdown begins in the middle of a turn.
      await reached;
      const [stopped] = await Promise.all([workers.shift()!.stop(), enqueued]);
      workers.push(running(next));
      tasks.push(...await enqueued);
      assertEquals(stopped, undefined);
    }
    const results = await Promise.all(tasks.map((task) => task.result({ timeout })));
    assertEquals(results.map(({ result }) => result), Array.from({ length: 2000 }, (_, n) => n));
    assertEquals([runs.length, new Set(runs).size], [2000, 2000]);
    assertEquals(results.filter(({ tries }) => tries !== 1), []);
    await Promise.all(workers.map((worker) => worker.stop()));
    await stage.assertClean(producer as Worker<unknown>);
  });
});
