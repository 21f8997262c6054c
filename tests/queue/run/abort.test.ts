import { it } from "node:test";
import { assertEquals, assertInstanceOf, assertRejects, assertStringIncludes } from "@std/assert";
import { StreaqCancelled, StreaqError, StreaqRetry } from "../../../src/base/errors.ts";
import { taskContext } from "../../../src/queue/context/task_context.ts";
import type { Task } from "../../../src/queue/enqueue/task.ts";
import type { Worker } from "../../../src/queue/worker.ts";
import { eventually } from "../../support/poll.ts";
import { gate } from "../../support/promises.ts";
import { behaviour } from "../behaviour.ts";
import { receivesEvents, running, untilAborted } from "../stage.ts";
import { slotCounter } from "./slots.ts";

/** Checks that a task is reported as aborted, also by another worker. */
async function assertAborted(task: Task<unknown>, other: Worker<unknown>): Promise<void> {
  const { exception, taskId } = await task.result();
  assertInstanceOf(exception, StreaqCancelled);
  assertStringIncludes(exception.message, task.id);
  assertEquals(taskId, task.id);
  assertEquals([await task.status(), await task.info()], ["done", null]);
  assertEquals([await other.statusById(task.id), await other.infoById(task.id)], ["done", null]);
  assertEquals([await task.abort(), await other.abortById(task.id)], [false, false]);
}

behaviour("abort()", (stage) => {
  it("aborts a queued task, whose function then never runs", async () => {
    const worker = await stage.worker();
    const other = await stage.worker({ queueName: worker.queueName });
    let runs = 0;
    const job = worker.task(() => void runs++, { name: "job" });
    const [own, foreign, kept] = await worker.enqueueMany([job.enqueue(), job.enqueue(), job.enqueue()]);
    const waiting = own.result();
    assertEquals([await own.abort(), await other.abortById(foreign.id)], [true, true]);
    assertInstanceOf((await waiting).exception, StreaqCancelled);
    for (const task of [own, foreign]) await assertAborted(task, other);
    assertEquals((await own.result()).fnName, "job");
    assertEquals((await worker.getTasksByStatus("queued")).map(({ taskId }) => taskId), [kept.id]);
    assertEquals(await worker.queueSize(), 1);
    await worker.run({ burst: true });
    assertEquals([runs, (await kept.result()).success, worker.counters.completed], [1, true, 1]);
    await stage.assertClean(worker);
  });

  it("aborts a task in the buffer of a busy worker, whose function then never runs", async () => {
    const worker = await stage.worker({ concurrency: 1, prefetch: 10 });
    const other = await stage.worker({ queueName: worker.queueName });
    const { open, opened } = gate();
    const ran: string[] = [];
    const job = worker.task((name: string) => void ran.push(name), { name: "job" });
    const long = worker.task(() => opened, { name: "long" });
    // Many short tasks in a row raise the prefetch allowance.
    const warm = await worker.enqueueMany(Array.from({ length: 200 }, () => job.enqueue("warm")));
    const [blocker, ...buffered] = await worker.enqueueMany([
      long.enqueue(),
      ...Array.from({ length: 20 }, () => job.enqueue("buffered")),
    ]);
    const run = running(worker);
    await Promise.all(warm.map((task) => task.result()));
    await eventually(async () => await blocker!.status() === "running");
    const answers = await Promise.all(buffered.map((task, i) => i % 2 ? task.abort() : other.abortById(task.id)));
    assertEquals(answers, buffered.map(() => true));
    const last = await job.enqueue("last");
    open();
    await last.result();
    await run.stop();
    await worker.run({ burst: true });
    assertEquals(ran.slice(200), ["last"]);
    await assertAborted(buffered[0]!, other);
    await stage.assertClean(worker);
  });

  it("aborts a running task and its signal", async () => {
    const worker = await stage.worker();
    const other = await stage.worker({ queueName: worker.queueName });
    let reason: unknown;
    const long = worker.task(async function long() {
      const { signal } = taskContext();
      try {
        await untilAborted(signal);
      } finally {
        reason = signal.reason;
      }
    });
    const run = running(worker);
    await receivesEvents(worker);
    const task = await long.enqueue();
    await eventually(async () => await task.status() === "running");
    assertEquals(await other.abortById(task.id), true);
    await eventually(() => reason !== undefined);
    assertInstanceOf(reason, StreaqCancelled);
    await assertAborted(task, other);
    await eventually(() => worker.counters.aborted === 1 && worker.running === 0);
    await run.stop();
    const { completed, failed, retried, relinquished } = worker.counters;
    assertEquals([completed, failed, retried, relinquished], [1, 0, 0, 0]);
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
  ];
  for (const [ending, end] of endings) {
    it(`keeps the slot of a function that ignores its signal, and stays the outcome when it ${ending}`, async () => {
      const worker = await stage.worker({ concurrency: 2 });
      const freeSlots = slotCounter(worker);
      const { open, opened } = gate();
      let runs = 0;
      const deaf = worker.task(async () => {
        runs++;
        await opened;
        return end();
      }, { name: "deaf" });
      const run = running(worker);
      await receivesEvents(worker);
      const task = await deaf.enqueue();
      await eventually(() => runs === 1);
      assertEquals(await task.abort(), true);
      await eventually(() => worker.lingering === 1);
      assertEquals(await freeSlots(), 1);
      open();
      await eventually(() => worker.running === 0 && worker.lingering === 0);
      assertEquals(await freeSlots(), 2);
      assertInstanceOf((await task.result()).exception, StreaqCancelled);
      await run.stop();
      const { aborted, completed, failed, retried } = worker.counters;
      assertEquals([runs, aborted, completed, failed, retried], [1, 1, 41, 0, 0]);
      await stage.assertClean(worker);
    });
  }

  it("aborts a task that waits for its retry", async () => {
    const worker = await stage.worker();
    const other = await stage.worker({ queueName: worker.queueName });
    let runs = 0;
    const job = worker.task(() => {
      runs++;
      throw new StreaqRetry("soon", { delay: 1000 });
    }, { name: "job" });
    const later = worker.task(() => {}, { name: "later" });
    const run = running(worker);
    const task = await job.enqueue();
    await eventually(async () => await task.status() === "scheduled");
    const due = (await task.info())!.scheduled!.getTime();
    assertEquals(await other.abortById(task.id), true);
    await assertAborted(task, other);
    assertEquals((await task.result()).tries, 1);
    await (await later.enqueue().start({ schedule: new Date(due + 1) })).result();
    await run.stop();
    assertEquals([runs, await worker.queueSize()], [1, 0]);
    await stage.assertClean(worker);
  });

  it("aborts a retry that is due and waits for a slot", async () => {
    const worker = await stage.worker({ concurrency: 1 });
    const { open, opened } = gate();
    const runs: string[] = [];
    const job = worker.task((name: string) => {
      runs.push(name);
      if (name === "blocker") return opened;
      throw new StreaqRetry("soon", { delay: 200 });
    }, { name: "job" });
    const run = running(worker);
    const [task] = await worker.enqueueMany([job.enqueue("again"), job.enqueue("blocker")]);
    await eventually(() => runs.length === 2);
    await eventually(async () => await task.status() === "queued");
    assertEquals((await task.info())?.tries, 1);
    assertEquals(await task.abort(), true);
    open();
    await eventually(() => worker.running === 0);
    await run.stop();
    await worker.run({ burst: true });
    assertEquals(runs, ["again", "blocker"]);
    await assertAborted(task, worker);
    await stage.assertClean(worker);
  });

  it("aborts tasks of every priority", async () => {
    const priorities = ["low", "middle", "high"];
    const worker = await stage.worker({ priorities });
    const other = await stage.worker({ priorities, queueName: worker.queueName });
    let runs = 0;
    const job = worker.task(() => {
      runs++;
      throw new StreaqRetry("soon", { delay: "1h" });
    }, { name: "job" });
    const enqueue = () => worker.enqueueMany(priorities.map((priority) => job.enqueue().start({ priority })));
    const waiting = await enqueue();
    await worker.run({ burst: true });
    assertEquals(runs, 3);
    const unread = await enqueue();
    for (const task of [...waiting, ...unread]) {
      assertEquals(await other.abortById(task.id), true);
      await assertAborted(task, other);
    }
    assertEquals(await worker.queueSize(), 0);
    await worker.run({ burst: true });
    assertEquals(runs, 3);
    await stage.assertClean(worker);
  });

  it("returns false for an unknown or finished task, and changes nothing", async () => {
    const worker = await stage.worker();
    const job = worker.task((n: number) => {
      if (n === 0) throw new RangeError("zero");
      return n;
    }, { name: "job" });
    const forgetful = worker.task(() => {}, { name: "forgetful", ttl: 0 });
    const tasks = await worker.enqueueMany([job.enqueue(1), job.enqueue(0), forgetful.enqueue()]);
    await worker.run({ burst: true });
    const unsent = job.enqueue(2);
    const ids = [...tasks.map(({ id }) => id), unsent.id, "unknown"];
    assertEquals(await Promise.all(ids.map((id) => worker.abortById(id))), ids.map(() => false));
    assertEquals((await tasks[0].result()).result, 1);
    assertEquals((await tasks[1].result()).exception!.message, "zero");
    assertEquals(await worker.statusById("unknown"), "missing");
    assertEquals((await (await unsent).info())?.args, [2]);
    assertEquals(await worker.abortById(unsent.id), true);
    await worker.run({ burst: true });
    await stage.assertClean(worker);
  });

  it("refuses an invalid id or timeout", async () => {
    const worker = await stage.worker();
    await assertRejects(() => worker.abortById(""), StreaqError);
    await assertRejects(() => worker.abortById("one", { timeout: -1 }), RangeError);
    assertEquals(await worker.abortById("one", { timeout: 0 }), false);
  });

  it("keeps no result of a task with ttl: 0, but notifies waiting callers", async () => {
    const worker = await stage.worker();
    const other = await stage.worker({ queueName: worker.queueName });
    const { open, opened } = gate();
    const job = worker.task(() => opened, { name: "job", ttl: 0 });
    other.task(() => opened, { name: "job", ttl: 0 });
    const kept = worker.task(() => {}, { name: "kept" });
    const run = running(worker);
    const runningOne = await job.enqueue();
    await eventually(async () => await runningOne.status() === "running");
    await run.stop();
    const [task, later] = await worker.enqueueMany([job.enqueue(), kept.enqueue()]);
    const waiting = task.result();
    // Waits begin in order: once a later one is over, this one has begun.
    const waitingLater = later.result();
    await later.abort();
    await waitingLater;
    assertEquals(await task.status(), "queued");
    const answers = await Promise.all([task.abort(), other.abortById(task.id), other.abortById(runningOne.id)]);
    assertEquals(answers.filter(Boolean).length, 2);
    assertEquals(answers[2], true);
    assertInstanceOf((await waiting).exception, StreaqCancelled);
    assertEquals(await task.status(), "done");
    await assertRejects(() => task.result(), StreaqError, task.id);
    open();
    await worker.run({ burst: true });
    await stage.assertClean(worker);
  });

  it("aborts a released task, which the next worker then never runs", async () => {
    const queueName = stage.newQueue();
    const [first, second] = [await stage.worker({ queueName }), await stage.worker({ queueName })];
    let runs = 0;
    const job = async () => {
      runs++;
      await untilAborted(taskContext().signal);
    };
    const task = await first.task(job, { name: "job" }).enqueue();
    second.task(job, { name: "job" });
    const run = running(first);
    await eventually(() => runs === 1);
    await run.stop();
    assertEquals([await task.status(), await second.abortById(task.id)], ["queued", true]);
    await second.run({ burst: true });
    assertEquals(runs, 1);
    await assertAborted(task, second);
    await stage.assertClean(second);
  });
});
