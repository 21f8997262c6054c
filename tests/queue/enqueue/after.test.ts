import { it } from "node:test";
import { assert, assertEquals, assertInstanceOf, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { StreaqError, StreaqRetry } from "../../../src/base/errors.ts";
import { taskContext } from "../../../src/queue/context/task_context.ts";
import type { StartOptions } from "../../../src/queue/enqueue/start_options.ts";
import type { WorkerOptions } from "../../../src/queue/options/worker_options.ts";
import { eventually } from "../../support/poll.ts";
import { gate } from "../../support/promises.ts";
import { behaviour } from "../behaviour.ts";
import { running, sleep } from "../stage.ts";

behaviour("a task that depends on others", (stage) => {
  /** A worker with a task that notes its runs, and one that ends when a gate is opened. */
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

  it("starts when all that it names have succeeded", async () => {
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

  it("is scheduled: listed with its priority, counted, and known to those that it waits for", async () => {
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

  it("waits no more for one that has succeeded, while it waits for others", async () => {
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

  it("counts one that has succeeded already, also one whose result is not kept", async () => {
    const { worker, ran, job } = await setUp();
    const forgetful = worker.task(() => {}, { name: "forgetful", ttl: 0 });
    const brief = worker.task(() => {}, { name: "brief", ttl: 1 });
    const tasks = await worker.enqueueMany([job.enqueue("kept"), forgetful.enqueue(), brief.enqueue()]);
    await worker.run({ burst: true });
    await sleep(10);
    for (const { id } of tasks) {
      assertEquals(await (await job.enqueue("task").start({ after: id })).status(), "queued");
    }
    const all = await job.enqueue("all").start({ after: tasks.map(({ id }) => id) });
    assertEquals((await all.info())!.dependencies.size, 0);
    await worker.run({ burst: true });
    assertEquals(ran, ["kept", "task", "task", "task", "all"]);
    await stage.assertClean(worker);
  });

  it("waits on while one is tried again", async () => {
    const { worker, ran, job } = await setUp();
    const stubborn = worker.task(() => {
      const { tries } = taskContext();
      ran.push(`try ${tries}`);
      if (tries < 3) throw new StreaqRetry("again", { delay: 100 });
    }, { name: "stubborn" });
    const above = await stubborn.enqueue();
    const task = await job.enqueue("task").start({ after: above.id });
    const run = running(worker);
    await eventually(async () => (await above.info())!.tries === 1 && await above.status() === "scheduled");
    assertEquals([await task.status(), (await task.info())!.dependencies.size], ["scheduled", 1]);
    await task.result();
    assertEquals(ran, ["try 1", "try 2", "try 3", "task"]);
    await run.stop();
    await stage.assertClean(worker);
  });

  it("waits for one that has a time, is queued elsewhere, or repeats", async () => {
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

  it("runs with the priority, ttl and tries that are its own", async () => {
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

  it("expires from its release on, not while it waits", async () => {
    const { worker, ran, gated, open } = await setUp({ concurrency: 1 });
    const hasty = worker.task((name: string) => {
      ran.push(name);
      return sleep(600);
    }, { name: "hasty", expire: 400 });
    const top = await gated.enqueue();
    const first = await hasty.enqueue("in time").start({ after: top.id });
    const second = await hasty.enqueue("late").start({ after: top.id });
    const run = running(worker);
    await sleep(600);
    const opened = Date.now();
    open();
    const results = await Promise.all([first.result(), second.result()]);
    // Both are ready at once and there is one slot, so the other one starts too late.
    const [good] = results.filter(({ success }) => success);
    const [bad] = results.filter(({ success }) => !success);
    assert(good!.enqueueTime >= opened - 5, "it was ready when the other had ended");
    assertStringIncludes(bad!.exception!.message, "expired: it was not started within 400 ms");
    assertEquals(ran.length, 1);
    await run.stop();
    await stage.assertClean(worker);
  });

  it("is refused where a dependency is unknown, and nothing of it is left behind", async () => {
    const { worker, ran, job } = await setUp();
    const known = await job.enqueue("known");
    for (const after of ["unknown", [known.id, "unknown"], ["unknown", known.id]]) {
      const request = job.enqueue("task").start({ after });
      const { message } = await assertRejects(() => request.then(), StreaqError, "unknown, or whose result is gone");
      for (const part of ["job", request.id, ": unknown"]) assertStringIncludes(message, part);
      assertEquals([await request.status(), (await known.info())!.dependents.size], ["missing", 0]);
    }
    // What was taken back is as unknown as what never was.
    const repeating = await job.enqueue("repeating").start({ schedule: "@yearly" });
    await repeating.unschedule();
    await assertRejects(() => job.enqueue("task").start({ after: repeating.id }).then(), StreaqError, repeating.id);
    await worker.run({ burst: true });
    assertEquals(ran, ["known"]);
    await stage.assertClean(worker);
  });

  it("can be sent again after it was refused, when there is what it depends on", async () => {
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

  it("is enqueued once under an id, and has the dependencies of the first request", async () => {
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

  it("is refused at once where it depends on itself, or the options cannot be", async () => {
    const { job } = await setUp();
    const refused: [StartOptions, string][] = [
      [{ after: "a", delay: 1 }, "delay and after"],
      [{ after: "a", schedule: new Date() }, "schedule and after"],
      [{ after: "a", id: "a" }, "got that of the task itself, a"],
      [{ after: "" }, "Invalid after"],
      [{ after: ["a", ""] }, "Invalid after"],
      [{ after: "x".repeat(513) }, "Invalid after"],
      [{ after: 5 as unknown as string }, "Invalid after"],
      [{ after: [null as unknown as string] }, "Invalid after"],
    ];
    for (const [options, message] of refused) {
      assertThrows(() => job.enqueue("x").start(options), StreaqError, message);
    }
    const request = job.enqueue("x");
    const { id } = request;
    assertInstanceOf(assertThrows(() => request.start({ after: ["a", id] })), StreaqError);
    // What was refused has changed nothing.
    assertEquals(await (await request).status(), "queued");
  });
});
