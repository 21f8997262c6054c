import { it } from "node:test";
import { assert, assertEquals, assertInstanceOf, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { StreaqError, StreaqRetry } from "../../../src/base/errors.ts";
import { taskContext } from "../../../src/queue/context/task_context.ts";
import type { StartOptions } from "../../../src/queue/enqueue/start_options.ts";
import type { WorkerOptions } from "../../../src/queue/options/worker_options.ts";
import { eventually } from "../../support/poll.ts";
import { gate } from "../../support/promises.ts";
import { behaviour } from "../behaviour.ts";
import { clockPasses, running } from "../stage.ts";

behaviour("a dependent task", (stage) => {
  /** A worker with a task that records its runs, and one that finishes when a gate is opened. */
  async function setUp(options: WorkerOptions<undefined> = {}) {
    const worker = await stage.worker(options);
    const ran: string[] = [];
    const job = worker.task((name: string) => {
      ran.push(name);
      return name;
    }, { name: "job" });
    const { open, opened } = gate();
    const gated = worker.task(() => opened, { name: "gated" });
    return { worker, ran, job, gated, open };
  }

  it("starts once all its dependencies have succeeded", async () => {
    const { worker, ran, job, gated, open } = await setUp();
    const top = await gated.enqueue();
    const left = await job.enqueue("left").start({ after: top.id });
    const right = await job.enqueue("right").start({ after: [top.id, top.id] });
    const free = await job.enqueue("free").start({ after: [] });
    const bottom = await job.enqueue("bottom").start({ after: [left.id, free.id, right.id] });
    const run = running(worker);
    await free.result();
    assertEquals(ran, ["free"]);
    const waiting = [left, right, bottom];
    assertEquals(await Promise.all(waiting.map((task) => task.status())), waiting.map(() => "scheduled"));
    open();
    assertEquals((await bottom.result()).result, "bottom");
    assertEquals([ran.slice(1, 3).sort(), ran[3], ran.length], [["left", "right"], "bottom", 4]);
    assertEquals((await left.result()).tries, 1);
    await run.stop();
    assertEquals(worker.counters.completed, 5);
    await stage.assertClean(worker);
  });

  it("is scheduled while it waits: listed by priority, counted, and named by its dependencies", async () => {
    const { worker, job } = await setUp({ priorities: ["low", "high"] });
    const [one, two] = await worker.enqueueMany([job.enqueue("one"), job.enqueue("two")]);
    const task = await job.enqueue("task").start({ after: [one.id, two.id], priority: "high" });
    const below = await job.enqueue("below").start({ after: task.id });
    const listed = async (priority?: string) => {
      const infos = await worker.getTasksByStatus("scheduled", { priority });
      return infos.map(({ taskId, status }) => [taskId, status]);
    };
    assertEquals([await listed("high"), await listed("low")], [[[task.id, "scheduled"]], [[below.id, "scheduled"]]]);
    assertEquals((await listed()).length, 2);
    assertEquals([await worker.queueSize(), await worker.queueSize({ includeScheduled: false })], [4, 2]);
    const info = (await task.info())!;
    assertEquals([info.fnName, info.args, info.tries, info.scheduled], ["job", ["task"], 0, null]);
    assertEquals([info.dependencies, info.dependents], [new Set([one.id, two.id]), new Set([below.id])]);
    const [above] = await worker.getTasksByStatus("queued");
    assertEquals([above!.dependencies.size, above!.dependents], [0, new Set([task.id])]);
    await worker.run({ burst: true });
    assertEquals([await worker.queueSize(), await listed(), await task.info()], [0, [], null]);
    await stage.assertClean(worker);
  });

  it("drops a dependency that has succeeded while it waits for another one", async () => {
    const { worker, ran, job, gated, open } = await setUp();
    const [fast, slow] = await worker.enqueueMany([job.enqueue("fast"), gated.enqueue()]);
    const task = await job.enqueue("task").start({ after: [fast.id, slow.id] });
    const run = running(worker);
    await eventually(async () => assertEquals((await task.info())!.dependencies, new Set([slow.id])));
    assertEquals(await task.status(), "scheduled");
    open();
    await task.result();
    assertEquals(ran, ["fast", "task"]);
    await run.stop();
    await stage.assertClean(worker);
  });

  it("does not wait for a dependency that has already succeeded, even if its result is gone", async () => {
    const { worker, ran, job } = await setUp();
    const forgetful = worker.task(() => {}, { name: "forgetful", ttl: 0 });
    const brief = worker.task(() => {}, { name: "brief", ttl: 1 });
    const tasks = await worker.enqueueMany([job.enqueue("kept"), forgetful.enqueue(), brief.enqueue()]);
    await worker.run({ burst: true });
    await eventually(async () => (await worker.getTasksByStatus("done")).length === 1);
    for (const { id } of tasks) {
      assertEquals(await (await job.enqueue("task").start({ after: id })).status(), "queued");
    }
    const all = await job.enqueue("all").start({ after: tasks.map(({ id }) => id) });
    assertEquals((await all.info())!.dependencies.size, 0);
    await worker.run({ burst: true });
    assertEquals(ran, ["kept", "task", "task", "task", "all"]);
    await stage.assertClean(worker);
  });

  it("keeps waiting while its dependency is retried", async () => {
    const { worker, ran, job } = await setUp();
    const { open, opened } = gate();
    const stubborn = worker.task(async () => {
      const { tries } = taskContext();
      ran.push(`try ${tries}`);
      if (tries === 2) await opened;
      if (tries < 3) throw new StreaqRetry("again", { delay: 1 });
    }, { name: "stubborn" });
    const above = await stubborn.enqueue();
    const task = await job.enqueue("task").start({ after: above.id });
    const run = running(worker);
    await eventually(() => ran.includes("try 2"));
    assertEquals([await task.status(), (await task.info())!.dependencies.size], ["scheduled", 1]);
    open();
    await task.result();
    assertEquals(ran, ["try 1", "try 2", "try 3", "task"]);
    await run.stop();
    await stage.assertClean(worker);
  });

  it("waits for dependencies with a delay, another priority or a schedule", async () => {
    const { worker, ran, job } = await setUp({ priorities: ["low", "high"] });
    const [delayed, high, repeating] = await worker.enqueueMany([
      job.enqueue("delayed").start({ delay: 200 }),
      job.enqueue("high").start({ priority: "high" }),
      job.enqueue("repeating").start({ schedule: "* * * * * *" }),
    ]);
    const task = await job.enqueue("task").start({ after: [delayed.id, high.id, repeating.id] });
    const run = running(worker);
    await task.result({ timeout: "10s" });
    assertEquals(await repeating.unschedule(), true);
    const before = ran.slice(0, ran.indexOf("task"));
    assertEquals(new Set(before), new Set(["delayed", "high", "repeating"]));
    await run.stop();
    await stage.assertClean(worker);
  });

  it("runs with its own priority, ttl and maxTries", async () => {
    const { worker, ran, job, gated, open } = await setUp({ priorities: ["low", "high"], concurrency: 1 });
    const forgetful = worker.task(() => {
      ran.push("forgetful");
      if (taskContext().tries < 2) throw new StreaqRetry("again", { delay: 0 });
    }, { name: "forgetful", ttl: 0, maxTries: 2 });
    const hopeless = worker.task(() => {
      throw new StreaqRetry("again", { delay: 0 });
    }, { name: "hopeless", maxTries: 2 });
    const top = await gated.enqueue();
    const run = running(worker);
    await eventually(async () => await top.status() === "running");
    const [low, high] = await worker.enqueueMany([
      job.enqueue("low").start({ after: top.id }),
      job.enqueue("high").start({ after: top.id, priority: "high" }),
    ]);
    open();
    await Promise.all([low.result(), high.result()]);
    assertEquals(ran, ["high", "low"]);
    const [last, failing] = await worker.enqueueMany([
      forgetful.enqueue().start({ after: low.id }),
      hopeless.enqueue().start({ after: low.id }),
    ]);
    assertEquals((await failing.result()).tries, 2);
    await eventually(async () => await last.status() === "done");
    await assertRejects(() => last.result(), StreaqError, last.id);
    assertEquals(ran.slice(2), ["forgetful", "forgetful"]);
    await run.stop();
    await stage.assertClean(worker);
  });

  it("expires counting from when its dependencies have succeeded, not while it waits for them", async () => {
    const { worker, ran, gated, open } = await setUp({ priorities: ["low", "high"], concurrency: 1 });
    const patient = worker.task(async () => {
      ran.push("patient");
      await clockPasses(Date.now() + 400);
    }, { name: "patient", expire: 2000 });
    const hasty = worker.task(() => void ran.push("hasty"), { name: "hasty", expire: 400 });
    const top = await gated.enqueue();
    const first = await patient.enqueue().start({ after: top.id, priority: "high" });
    const second = await hasty.enqueue().start({ after: top.id, priority: "low" });
    const run = running(worker);
    await clockPasses(Date.now() + 2000);
    const opened = Date.now();
    open();
    // Both are released at once and there is one slot, so the second one expires.
    const [good, bad] = await Promise.all([first.result(), second.result()]);
    assertEquals([good!.success, bad!.success], [true, false]);
    assert(good!.enqueueTime >= opened - 5, "it was queued when its dependency had succeeded");
    assertStringIncludes(bad!.exception!.message, "expired: it was not started within 400 ms");
    assertEquals(ran, ["patient"]);
    await run.stop();
    await stage.assertClean(worker);
  });

  it("is refused if a dependency is unknown, and leaves nothing behind", async () => {
    const { worker, ran, job } = await setUp();
    const known = await job.enqueue("known");
    for (const after of ["unknown", [known.id, "unknown"], ["unknown", known.id]]) {
      const request = job.enqueue("task").start({ after });
      const { message } = await assertRejects(() => request.then(), StreaqError, "unknown, or its result is gone");
      for (const part of ["job", request.id, "Dependency unknown "]) assertStringIncludes(message, part);
      assertEquals([await request.status(), (await known.info())!.dependents.size], ["missing", 0]);
    }
    // A task that was unscheduled is as unknown as one that never existed.
    const repeating = await job.enqueue("repeating").start({ schedule: "@yearly" });
    await repeating.unschedule();
    await assertRejects(() => job.enqueue("task").start({ after: repeating.id }).then(), StreaqError, repeating.id);
    await worker.run({ burst: true });
    assertEquals(ran, ["known"]);
    await stage.assertClean(worker);
  });

  it("can be sent again after a refusal, once its dependency exists", async () => {
    const { worker, ran, job } = await setUp();
    const request = job.enqueue("task").start({ after: "later" });
    await assertRejects(() => request.then(), StreaqError, "later");
    await job.enqueue("above").start({ id: "later" });
    const task = await request;
    assertEquals(await task.status(), "scheduled");
    await worker.run({ burst: true });
    assertEquals(ran, ["above", "task"]);
    await stage.assertClean(worker);
  });

  it("is enqueued once per id, with the dependencies of the first request", async () => {
    const { worker, ran, job } = await setUp();
    const [one, two] = await worker.enqueueMany([job.enqueue("one"), job.enqueue("two")]);
    const task = await job.enqueue("first").start({ id: "mine", after: one.id });
    await job.enqueue("second").start({ id: "mine", after: [one.id, two.id] });
    await job.enqueue("third").start({ id: "mine" });
    assertEquals((await task.info())!.dependencies, new Set([one.id]));
    assertEquals((await two.info())!.dependents.size, 0);
    await worker.run({ burst: true });
    await job.enqueue("fourth").start({ id: "mine", after: two.id });
    await worker.run({ burst: true });
    assertEquals(ran, ["one", "two", "first"]);
    await stage.assertClean(worker);
  });

  it("is refused at once if it depends on itself or its options are invalid", async () => {
    const { job } = await setUp();
    const refused: [StartOptions, string][] = [
      [{ after: "a", delay: 1 }, "delay and after"],
      [{ after: "a", schedule: new Date() }, "schedule and after"],
      [{ after: "a", id: "a" }, "got that of the task itself, a"],
      [{ after: "" }, 'Cannot use option "after"'],
      [{ after: ["a", ""] }, 'Cannot use option "after"'],
      [{ after: "x".repeat(513) }, 'Cannot use option "after"'],
      [{ after: 5 as unknown as string }, 'Cannot use option "after"'],
      [{ after: [null as unknown as string] }, 'Cannot use option "after"'],
    ];
    for (const [options, message] of refused) {
      assertThrows(() => job.enqueue("x").start(options), StreaqError, message);
    }
    const request = job.enqueue("x");
    const { id } = request;
    assertInstanceOf(assertThrows(() => request.start({ after: ["a", id] })), StreaqError);
    // The refusal has not changed the request.
    assertEquals(await (await request).status(), "queued");
  });
});
