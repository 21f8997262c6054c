import { it } from "node:test";
import { assertEquals, assertInstanceOf, assertStringIncludes } from "@std/assert";
import { StreaqError, StreaqRetry } from "../../../src/base/errors.ts";
import { taskContext } from "../../../src/queue/context/task_context.ts";
import { eventually } from "../../support/poll.ts";
import { gate } from "../../support/promises.ts";
import { behaviour } from "../behaviour.ts";
import { clockPasses, running, untilAborted } from "../stage.ts";

behaviour("expire", (stage) => {
  it("fails a task that starts too late, without running it", async () => {
    const worker = await stage.worker();
    let runs = 0;
    const late = worker.task(() => void runs++, { name: "late", expire: 100 });
    const task = await late.enqueue();
    await clockPasses(Date.now() + 100);
    assertEquals(await task.status(), "queued");
    await worker.run({ burst: true });
    const { exception, tries } = await task.result();
    assertInstanceOf(exception, StreaqError);
    for (const part of ["late", "100 ms"]) assertStringIncludes(exception.message, part);
    assertEquals([runs, tries, worker.counters.failed], [0, 0, 1]);
    await stage.assertClean(worker);
  });

  it("fails a task that waits too long behind others, in the stream or in a buffer", async () => {
    const worker = await stage.worker({ concurrency: 1, prefetch: 10 });
    const { open, opened } = gate();
    let runs = 0;
    const long = worker.task(() => opened, { name: "long" });
    const warm = worker.task(() => {}, { name: "warm", silent: true });
    const late = worker.task(() => void runs++, { name: "late", expire: 300 });
    // Many short tasks in a row raise the prefetch allowance.
    const requests = Array.from({ length: 200 }, () => warm.enqueue());
    await worker.enqueueMany(requests);
    const blocker = await long.enqueue();
    const run = running(worker);
    await eventually(async () => await blocker.status() === "running", { timeout: 30_000 });
    const tasks = await worker.enqueueMany(Array.from({ length: 20 }, () => late.enqueue()));
    await clockPasses(Date.now() + 300);
    open();
    const results = await Promise.all(tasks.map((task) => task.result()));
    assertEquals([results.filter(({ success }) => success), runs], [[], 0]);
    await run.stop();
    await stage.assertClean(worker);
  });

  it("lets a task run that starts in time, however long it takes", async () => {
    const worker = await stage.worker();
    const job = worker.task(() => clockPasses(Date.now() + 600), { name: "job", expire: 600 });
    const none = worker.task(() => {}, { name: "none", expire: null });
    const run = running(worker);
    const tasks = await worker.enqueueMany([job.enqueue(), none.enqueue()]);
    const results = await Promise.all(tasks.map((task) => task.result()));
    assertEquals(results.map(({ success }) => success), [true, true]);
    await run.stop();
    await stage.assertClean(worker);
  });

  it("does not apply to a task that waits for its retry", async () => {
    const worker = await stage.worker();
    const job = worker.task(function job() {
      const { tries } = taskContext();
      if (tries < 3) throw new StreaqRetry("later", { delay: 700 });
      return tries;
    }, { expire: 500 });
    const run = running(worker);
    assertEquals((await (await job.enqueue()).result()).result, 3);
    await run.stop();
    await stage.assertClean(worker);
  });

  it("does not apply to a retry that comes late because no worker was running", async () => {
    const worker = await stage.worker();
    const job = worker.task(function job() {
      const { tries } = taskContext();
      if (tries === 1) throw new StreaqRetry("later", { delay: 1000 });
      return tries;
    }, { expire: 1000 });
    const run = running(worker);
    const task = await job.enqueue();
    let due = 0;
    await eventually(async () => due = (await task.info())!.scheduled!.getTime());
    await run.stop();
    await clockPasses(due + 1000);
    await worker.run({ burst: true });
    assertEquals((await task.result()).result, 2);
    await stage.assertClean(worker);
  });

  it("does not apply to a task that was started, and then released by more than one shutdown", async () => {
    const queueName = stage.newQueue();
    let runs = 0;
    const job = async () => {
      const { tries, signal } = taskContext();
      if (++runs < 3) await untilAborted(signal);
      return tries;
    };
    const workers = [];
    for (let i = 0; i < 3; i++) workers.push(await stage.worker({ queueName }));
    const [register] = workers.map((worker) => worker.task(job, { name: "job", expire: 1000 }));
    const task = await register!.enqueue();
    const enqueued = Date.now();
    for (const [i, worker] of workers.slice(0, 2).entries()) {
      const run = running(worker);
      await eventually(() => runs === i + 1);
      await run.stop();
      assertEquals(await task.status(), "queued");
      await clockPasses(enqueued + 1000);
    }
    await workers[2]!.run({ burst: true });
    assertEquals([(await task.result()).result, runs], [1, 3]);
    await stage.assertClean(workers[0]!);
  });

  it("applies to a task that was leased and released, but never started", async () => {
    const queueName = stage.newQueue();
    const options = { queueName, concurrency: 1 };
    const [first, second] = [await stage.worker({ ...options, prefetch: 10 }), await stage.worker(options)];
    const { open, opened } = gate();
    let runs = 0;
    const warm = first.task(() => {}, { name: "warm", silent: true });
    const long = first.task(() => opened, { name: "long" });
    const late = () => void runs++;
    const task = first.task(late, { name: "late", expire: 600 });
    second.task(late, { name: "late", expire: 600 });
    second.task(() => {}, { name: "long" });
    await first.enqueueMany(Array.from({ length: 200 }, () => warm.enqueue()));
    const blocker = await long.enqueue();
    const tasks = await first.enqueueMany(Array.from({ length: 5 }, () => task.enqueue()));
    const run = running(first);
    await eventually(async () => await blocker.status() === "running", { timeout: 30_000 });
    await run.stop();
    await clockPasses(Date.now() + 600);
    await second.run({ burst: true });
    const results = await Promise.all(tasks.map((task) => task.result()));
    assertEquals([results.map(({ success }) => success), runs], [[false, false, false, false, false], 0]);
    open();
    await stage.assertClean(second);
  });

  it("is that of the worker which runs the task, unless the producer has set one", async () => {
    const queueName = stage.newQueue();
    const worker = await stage.worker({ queueName });
    const producer = await stage.worker({ queueName });
    let runs = 0;
    const job = () => void runs++;
    worker.task(job, { name: "job", expire: 100 });
    worker.task(job, { name: "patient", expire: "1h" });
    const patient = await producer.enqueueUnsafe("patient");
    const tasks = await producer.enqueueMany([
      producer.stub<typeof job>("job").enqueue(),
      producer.enqueueUnsafe("job"),
    ]);
    await clockPasses(Date.now() + 100);
    await worker.run({ burst: true });
    for (const task of tasks) assertStringIncludes((await task.result()).exception!.message, "100 ms");
    assertEquals([(await patient.result()).success, runs], [true, 1]);
    await stage.assertClean(worker);
  });

  it("is that of the producer, if it has set one", async () => {
    const queueName = stage.newQueue();
    const worker = await stage.worker({ queueName });
    const producer = await stage.worker({ queueName });
    worker.task(() => "ran", { name: "patient", expire: 1 });
    worker.task(() => "ran", { name: "hasty", expire: "1h" });
    const patient = await producer.task(() => "", { name: "patient", expire: "1h" }).enqueue();
    const hasty = await producer.task(() => "", { name: "hasty", expire: 50 }).enqueue();
    await clockPasses(Date.now() + 50);
    await worker.run({ burst: true });
    assertEquals((await patient.result()).result, "ran");
    assertStringIncludes((await hasty.result()).exception!.message, "50 ms");
    await stage.assertClean(worker);
  });
});
