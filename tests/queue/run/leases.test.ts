import { it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { eventually } from "../../support/poll.ts";
import { gate } from "../../support/promises.ts";
import { behaviour } from "../behaviour.ts";
import { clockPasses, Lines, nextTurn, running, sleep } from "../stage.ts";

behaviour("a lease", (stage) => {
  it("is renewed while its task runs or waits: 24 tasks that outlast idleTimeout run once each", async () => {
    const worker = await stage.worker({ concurrency: 8, prefetch: 16, idleTimeout: 300 });
    const other = await stage.worker({ queueName: worker.queueName, concurrency: 1, prefetch: 0, idleTimeout: 300 });
    let runs = 0;
    const long = async () => {
      runs++;
      await sleep(400);
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

  it("expires by the largest idleTimeout of all workers, and a worker with another one logs that", async () => {
    const queueName = stage.newQueue();
    const lines = new Lines();
    const patient = await stage.worker({ queueName, idleTimeout: 60_000, prefetch: 0 });
    const hasty = await stage.worker({ queueName, idleTimeout: 100, logger: lines, concurrency: 1 });
    const { open, opened } = gate();
    let runs = 0;
    const job = patient.task(async function job() {
      runs++;
      await opened;
    });
    hasty.task(async function job() {
      runs++;
      await Promise.resolve();
    });
    const first = running(patient);
    const task = await job.enqueue();
    await eventually(() => runs === 1);
    const second = running(hasty);
    await eventually(() => lines.with("60000 ms").length > 0);
    // Several times the idleTimeout of the hasty worker.
    await clockPasses(Date.now() + 500);
    open();
    const { success, tries } = await task.result();
    assertEquals([runs, success, tries], [1, true, 1]);
    await Promise.all([first.stop(), second.stop()]);
    assert(lines.with("60000 ms").length > 0);
  });

  it("is released by a busy worker, so that an idle one runs the buffered task", async () => {
    const queueName = stage.newQueue();
    const busy = await stage.worker({ queueName, concurrency: 1, prefetch: 10, id: "busy" });
    const idle = await stage.worker({ queueName, concurrency: 1, id: "idle" });
    const { open, opened } = gate();
    const job = async (waits: boolean) => {
      if (waits) await opened;
    };
    const task = busy.task(job, { name: "job" });
    idle.task(job, { name: "job" });
    const first = running(busy);
    // Many short tasks in a row raise the prefetch allowance.
    const warm = await busy.enqueueMany(Array.from({ length: 200 }, () => task.enqueue(false)));
    const long = await task.enqueue(true);
    const short = await task.enqueue(false);
    await Promise.all(warm.map((task) => task.result()));
    await eventually(async () => await long.status() === "running");
    const second = running(idle);
    assertEquals((await short.result({ timeout: "20s" })).workerId, "idle");
    assertEquals(await long.status(), "running");
    open();
    await long.result();
    await Promise.all([first.stop(), second.stop()]);
    await stage.assertClean(busy);
  });
});

behaviour("a completion that waits in the outbox", (stage) => {
  it("is not counted as lost", async () => {
    const lines = new Lines();
    const worker = await stage.worker({ idleTimeout: 100, concurrency: 4, logger: lines });
    const job = worker.task(async () => {
      await nextTurn();
      // The next renewal of leases is due as soon as the event loop is free.
      for (const until = Date.now() + 60; Date.now() < until;);
    }, { name: "job", silent: true });
    const tasks = await worker.enqueueMany(Array.from({ length: 12 }, () => job.enqueue()));
    const run = running(worker);
    await Promise.all(tasks.map((task) => task.result()));
    await run.stop();
    assertEquals([worker.counters.completed, worker.counters.relinquished], [12, 0]);
    assertEquals(lines.problems, []);
  });
});
