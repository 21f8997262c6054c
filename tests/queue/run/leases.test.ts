import { it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { eventually } from "../../support/poll.ts";
import { behaviour } from "../behaviour.ts";
import { Lines, running, sleep } from "../stage.ts";

behaviour("a lease", (stage) => {
  it("is renewed as long as the task runs or waits: 24 tasks longer than idleTimeout run 24 times", async () => {
    const worker = await stage.worker({ concurrency: 8, prefetch: 16, idleTimeout: 300 });
    const other = await stage.worker({ queueName: worker.queueName, concurrency: 1, prefetch: 0, idleTimeout: 300 });
    let runs = 0;
    const long = async () => {
      runs++;
      await sleep(700);
    };
    const task = worker.task(long, { name: "long" });
    other.task(long, { name: "long" });
    const tasks = await worker.enqueueMany(Array.from({ length: 24 }, () => task.enqueue()));
    const runners = [running(worker), running(other)];
    const results = await Promise.all(tasks.map((task) => task.result()));
    assertEquals([runs, results.every(({ tries, success }) => success && tries === 1)], [24, true]);
    await Promise.all(runners.map((run) => run.stop()));
    await stage.assertClean(worker);
  });

  it("runs out by the largest idleTimeout of the living, and workers that differ say so", async () => {
    const queueName = stage.newQueue();
    const lines = new Lines();
    const patient = await stage.worker({ queueName, idleTimeout: 60_000, prefetch: 0 });
    const hasty = await stage.worker({ queueName, idleTimeout: 100, logger: lines, concurrency: 1 });
    let runs = 0;
    const job = patient.task(async function job() {
      runs++;
      await sleep(600);
    });
    hasty.task(async function job() {
      runs++;
      await Promise.resolve();
    });
    const first = running(patient);
    const task = await job.enqueue();
    await eventually(() => runs === 1);
    const second = running(hasty);
    const { success, tries } = await task.result();
    assertEquals([runs, success, tries], [1, true, 1]);
    await Promise.all([first.stop(), second.stop()]);
    assert(lines.with("60000 ms").length > 0);
  });

  it("is not hoarded: what waits in the buffer of a busy worker is soon in the hands of an idle one", async () => {
    const queueName = stage.newQueue();
    const busy = await stage.worker({ queueName, concurrency: 1, prefetch: 10, id: "busy" });
    const idle = await stage.worker({ queueName, concurrency: 1, id: "idle" });
    const job = async (ms: number) => await sleep(ms);
    const task = busy.task(job, { name: "job" });
    idle.task(job, { name: "job" });
    const first = running(busy);
    // Many short ones in a row raise the allowance to read ahead.
    const warm = await busy.enqueueMany(Array.from({ length: 200 }, () => task.enqueue(0)));
    const long = await task.enqueue(4000);
    const short = await task.enqueue(0);
    await Promise.all(warm.map((task) => task.result()));
    await eventually(async () => await long.status() === "running");
    const second = running(idle);
    assertEquals((await short.result({ timeout: 3000 })).workerId, "idle");
    assertEquals(await long.status(), "running");
    await long.result();
    await Promise.all([first.stop(), second.stop()]);
    await stage.assertClean(busy);
  });
});

behaviour("an end that is on its way to the store", (stage) => {
  it("is not counted as lost", async () => {
    const lines = new Lines();
    const worker = await stage.worker({ idleTimeout: 100, concurrency: 4, logger: lines });
    const job = worker.task(async () => {
      await sleep(1);
      // The next sign of life is due as soon as the event loop goes on.
      for (const until = Date.now() + 60; Date.now() < until;);
    }, { name: "job", silent: true });
    const tasks = await worker.enqueueMany(Array.from({ length: 12 }, () => job.enqueue()));
    const run = running(worker);
    await Promise.all(tasks.map((task) => task.result()));
    await run.stop();
    assertEquals([worker.counters.completed, worker.counters.relinquished], [12, 0]);
    assertEquals(lines.with("another worker"), []);
  });
});
