import { it } from "node:test";
import { assert, assertEquals, assertInstanceOf, assertLessOrEqual } from "@std/assert";
import { StreaqCancelled, StreaqError, StreaqRetry, TimeoutError } from "../../../src/base/errors.ts";
import { taskContext } from "../../../src/queue/context/task_context.ts";
import type { Task } from "../../../src/queue/enqueue/task.ts";
import type { WorkerOptions } from "../../../src/queue/options/worker_options.ts";
import { eventually } from "../../support/poll.ts";
import { gate } from "../../support/promises.ts";
import { behaviour } from "../behaviour.ts";
import { clockPasses, running, untilAborted } from "../stage.ts";

/** Checks that a task has failed without running, because `failed` has. */
async function assertFailedWith(task: Task<unknown>, failed: { id: string }): Promise<void> {
  const result = await task.result({ timeout: "10s" });
  assertInstanceOf(result.exception, StreaqError);
  assertEquals(result.exception.message, `Task ${task.id} was not run: task ${failed.id}, on which it depends, failed`);
  assertEquals([result.taskId, result.tries, result.success], [task.id, 0, false]);
  assertEquals([await task.status(), await task.info(), await task.abort()], ["done", null, false]);
}

behaviour("a task with a failed dependency", (stage) => {
  async function setUp(options: WorkerOptions<undefined> = {}) {
    const worker = await stage.worker(options);
    const ran: string[] = [];
    const job = worker.task((name: string) => {
      ran.push(name);
      return name;
    }, { name: "job" });
    const fail = worker.task(() => {
      throw new RangeError("no");
    }, { name: "fail" });
    return { worker, ran, job, fail };
  }

  it("fails without running and names the task that failed first, at any depth", async () => {
    const { worker, ran, job, fail } = await setUp();
    const top = await fail.enqueue();
    const free = await job.enqueue("free");
    const left = await job.enqueue("left").start({ after: top.id });
    const right = await job.enqueue("right").start({ after: [free.id, top.id] });
    const below = [await job.enqueue("bottom").start({ after: [left.id, right.id] })];
    for (let i = 0; i < 30; i++) below.push(await job.enqueue(`${i}`).start({ after: [below.at(-1)!.id, free.id] }));
    const beside = await job.enqueue("beside").start({ after: free.id });
    const waiting = below.at(-1)!.result();
    waiting.catch(() => {});
    await worker.run({ burst: true });
    for (const task of [left, right, ...below]) await assertFailedWith(task, top);
    const { fnName, createdTime, startTime, finishTime } = await waiting;
    assertEquals(fnName, "job");
    assertLessOrEqual(createdTime, finishTime);
    assertEquals(startTime, finishTime);
    assertEquals([ran, (await beside.result()).success], [["free", "beside"], true]);
    assertInstanceOf((await top.result()).exception, RangeError);
    assertEquals(await worker.queueSize(), 0);
    await stage.assertClean(worker);
  });

  it("fails for every way in which its dependency can fail", async () => {
    const { worker, ran, job } = await setUp({ priorities: ["low", "high"] });
    const hopeless = worker.task(() => {
      throw new StreaqRetry("again", { delay: 0 });
    }, { name: "hopeless", maxTries: 2 });
    const late = worker.task(() => {}, { name: "late", expire: 1 });
    const slow = worker.task(() => untilAborted(taskContext().signal), { name: "slow", timeout: 10 });
    const forgetful = worker.task(() => {
      throw new Error("no");
    }, { name: "forgetful", ttl: 0 });
    const unstorable = worker.task(() => () => {}, { name: "unstorable" });
    const unknown = await worker.enqueueUnsafe("unknown");
    const aborted = await job.enqueue("aborted");
    const delayed = await job.enqueue("delayed").start({ delay: "1h" });
    const tasks: Task<unknown>[] = [unknown, aborted, delayed];
    for (const task of [hopeless, late, slow, forgetful, unstorable]) tasks.push(await task.enqueue());
    const below = await worker.enqueueMany(tasks.map(({ id }) => job.enqueue("below").start({ after: id })));
    // By then the task named late has expired.
    await clockPasses(Date.now() + 1);
    assertEquals([await aborted.abort(), await delayed.abort()], [true, true]);
    const run = running(worker);
    for (const [i, task] of below.entries()) await assertFailedWith(task, tasks[i]!);
    assertEquals(ran, []);
    assertInstanceOf((await tasks[5]!.result()).exception, TimeoutError);
    await run.stop();
    await stage.assertClean(worker);
  });

  it("fails at once if it is enqueued after the failure, also after that of a dependent", async () => {
    const { worker, ran, job, fail } = await setUp();
    const forgetful = worker.task(() => {
      throw new Error("no");
    }, { name: "forgetful", ttl: 0 });
    const [top, gone, fine] = await worker.enqueueMany([fail.enqueue(), forgetful.enqueue(), job.enqueue("fine")]);
    const middle = await job.enqueue("middle").start({ after: top.id });
    const aborted = await job.enqueue("aborted").start({ delay: "1h" });
    await aborted.abort();
    await worker.run({ burst: true });
    const causes: [{ id: string }, string[]][] = [
      [top, [top.id]],
      [top, [fine.id, middle.id]],
      [gone, [gone.id]],
      [aborted, [aborted.id, fine.id]],
    ];
    // No worker is running now.
    for (const [cause, after] of causes) {
      const task = await job.enqueue("task").start({ after });
      await assertFailedWith(task, cause);
      await assertFailedWith(await job.enqueue("below").start({ after: task.id }), cause);
    }
    assertEquals([ran, await worker.queueSize()], [["fine"], 0]);
    await stage.assertClean(worker);
  });

  it("fails at once together with its own dependents in the same call", async () => {
    const { worker, ran, job, fail } = await setUp();
    const top = await fail.enqueue();
    await worker.run({ burst: true });
    const one = job.enqueue("one").start({ after: top.id });
    const two = job.enqueue("two").start({ after: one.id });
    const three = job.enqueue("three").start({ after: [two.id, one.id] });
    const free = job.enqueue("free");
    const tasks = await worker.enqueueMany([one, two, three, free]);
    for (const task of tasks.slice(0, 3)) await assertFailedWith(task, top);
    assertEquals(await tasks[3].status(), "queued");
    await worker.run({ burst: true });
    assertEquals(ran, ["free"]);
    await stage.assertClean(worker);
  });

  it("fails with the first of its failed dependencies, without waiting for one that is running", async () => {
    const { worker, ran, job, fail } = await setUp();
    const { open, opened } = gate();
    const gated = worker.task(() => opened, { name: "gated" });
    const [one, two, slow] = await worker.enqueueMany([fail.enqueue(), fail.enqueue(), gated.enqueue()]);
    const task = await job.enqueue("task").start({ after: [slow.id, one.id, two.id] });
    const run = running(worker);
    const { exception } = await task.result();
    assert([one.id, two.id].some((id) => exception!.message.includes(`task ${id}, on which`)), exception!.message);
    assertEquals(await slow.status(), "running");
    assertEquals((await slow.info())!.dependents.size, 0);
    open();
    assertEquals((await slow.result()).success, true);
    await run.stop();
    assertEquals(ran, []);
    await stage.assertClean(worker);
  });

  it("fails together with its own dependents, even if it keeps no result", async () => {
    const { worker, job, fail } = await setUp();
    const forgetful = worker.task(() => {}, { name: "forgetful", ttl: 0 });
    const top = await fail.enqueue();
    const middle = await forgetful.enqueue().start({ after: top.id });
    const bottom = await job.enqueue("bottom").start({ after: middle.id });
    await worker.run({ burst: true });
    await assertFailedWith(bottom, top);
    assertEquals(await middle.status(), "done");
    await stage.assertClean(worker);
  });

  it("fails when its dependency is unscheduled", async () => {
    const { worker, ran, job } = await setUp();
    const repeating = await job.enqueue("repeating").start({ schedule: "@yearly" });
    const task = await job.enqueue("task").start({ after: repeating.id });
    const below = await job.enqueue("below").start({ after: task.id });
    assertEquals((await repeating.info())!.dependents, new Set([task.id]));
    assertEquals(await repeating.unschedule(), true);
    await assertFailedWith(task, repeating);
    await assertFailedWith(below, repeating);
    assertEquals([ran, await worker.queueSize(), await repeating.status()], [[], 0, "missing"]);
    await stage.assertClean(worker);
  });
});

behaviour("abort() of a dependent task", (stage) => {
  async function setUp() {
    const worker = await stage.worker();
    const ran: string[] = [];
    const job = worker.task((name: string) => void ran.push(name), { name: "job" });
    const [one, two] = await worker.enqueueMany([job.enqueue("one"), job.enqueue("two")]);
    const task = await job.enqueue("task").start({ after: [one.id, two.id] });
    const below = await job.enqueue("below").start({ after: [task.id, two.id] });
    const deep = await job.enqueue("deep").start({ after: below.id });
    return { worker, ran, job, one, two, task, below, deep };
  }

  it("aborts it and fails its dependents without any running worker, while its dependencies continue without it", async () => {
    const { worker, ran, one, two, task, below, deep } = await setUp();
    const other = await stage.worker({ queueName: worker.queueName });
    assertEquals([await other.abortById(task.id), await task.abort()], [true, false]);
    const { exception, fnName, tries } = await task.result();
    assertInstanceOf(exception, StreaqCancelled);
    assertEquals([fnName, tries, exception.message.includes(task.id)], ["job", 0, true]);
    await assertFailedWith(below, task);
    await assertFailedWith(deep, task);
    for (const above of [one, two]) {
      assertEquals([(await above.info())!.dependents.size, await above.status()], [0, "queued"]);
    }
    assertEquals([await worker.queueSize(), await worker.getTasksByStatus("scheduled")], [2, []]);
    await worker.run({ burst: true });
    assertEquals(ran, ["one", "two"]);
    await stage.assertClean(worker);
  });

  it("fails its dependents at any depth without any running worker", async () => {
    const { worker, job, deep, two, one } = await setUp();
    const tasks = [deep];
    for (let i = 0; i < 60; i++) tasks.push(await job.enqueue(`${i}`).start({ after: tasks.at(-1)!.id }));
    assertEquals(await deep.abort(), true);
    for (const task of tasks.slice(1)) await assertFailedWith(task, deep);
    await Promise.all([one.abort(), two.abort()]);
    await worker.run({ burst: true });
    await stage.assertClean(worker);
  });

  it("aborts it when its dependencies have just succeeded", async () => {
    const { worker, ran, job, below, task } = await setUp();
    await below.abort();
    const { open, opened } = gate();
    const busy = await stage.worker({ queueName: worker.queueName, concurrency: 1, prefetch: 0 });
    const gated = busy.task(() => opened, { name: "gated" });
    busy.include(worker);
    const blocker = await gated.enqueue().start({ id: "blocker" });
    const run = running(busy);
    await eventually(async () => await blocker.status() === "running" && await task.status() === "queued");
    assertEquals(await task.abort(), true);
    const after = await job.enqueue("after").start({ after: blocker.id });
    open();
    await after.result();
    await run.stop();
    assertEquals(ran, ["one", "two", "after"]);
    await stage.assertClean(worker);
  });

  it("aborts a whole graph at once, and leaves nothing behind", async () => {
    const { worker, ran, one, two, task, below, deep } = await setUp();
    const all = [deep, below, task, two, one];
    const run = running(worker);
    await Promise.all(all.map((task) => task.abort()));
    await Promise.all(all.map((task) => task.result({ timeout: "10s" })));
    await run.stop();
    // The entry of a task that was aborted before it was read is dropped when it is read.
    await worker.run({ burst: true });
    assertEquals(ran.filter((name) => name !== "one" && name !== "two"), []);
    await stage.assertClean(worker);
  });
});
