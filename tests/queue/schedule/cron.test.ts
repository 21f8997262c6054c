import { it } from "node:test";
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { StreaqError } from "../../../src/base/errors.ts";
import { Worker } from "../../../src/queue/worker.ts";
import { eventually } from "../../support/poll.ts";
import { behaviour } from "../behaviour.ts";
import { taskContext } from "../../../src/queue/context/task_context.ts";
import { clockPasses, Lines, running } from "../stage.ts";

behaviour("cron()", (stage) => {
  it("runs each occurrence once over three workers", async () => {
    const queueName = stage.newQueue();
    const runs: number[] = [];
    const workers = await Promise.all([1, 2, 3].map(async () => {
      const worker = await stage.worker({ queueName, idleTimeout: 1000 });
      worker.cron("* * * * * *", function second() {
        runs.push(Math.round(Date.now() / 1000));
      });
      return worker;
    }));
    const all = workers.map((worker) => running(worker));
    await eventually(() => runs.length >= 4, { timeout: 20_000 });
    await Promise.all(all.map((run) => run.stop()));
    assertEquals(runs, runs.map((_, i) => runs[0]! + i), "every second, each once");
  });

  it("schedules jobs that are registered or included while the worker runs", async () => {
    const worker = await stage.worker({ idleTimeout: "5m" });
    const plain = worker.task(() => {}, { name: "plain" });
    const run = running(worker);
    await (await plain.enqueue()).result({ timeout: "10s" });
    const runs = new Set<string>();
    worker.cron("* * * * * *", () => void runs.add("own"), { name: "own" });
    const other = new Worker();
    other.cron("* * * * * *", () => void runs.add("included"), { name: "included" });
    worker.include(other);
    await eventually(() => runs.size === 2, { timeout: 20_000 });
    await run.stop();
    await other.close();
  });

  it("returns a task with the defaults of a cron job, which can be enqueued and called", async () => {
    const worker = await stage.worker();
    const job = worker.cron("@yearly", () => "done", { name: "job", maxScheduleDrift: 1 });
    assertEquals([job.options.timeout, job.options.unique, await job()], ["1h", true, "done"]);
    const task = await job.enqueue();
    await clockPasses(Date.now() + 1);
    await worker.run({ burst: true });
    // The task has waited longer than the drift, but it is not an occurrence.
    assertEquals((await task.result()).result, "done");
  });

  it("refuses an invalid expression, time zone or option, with the reason", () => {
    const worker = new Worker();
    const refused: [string, string | undefined, string][] = [
      ["every day", undefined, "every day"],
      ["61 * * * *", undefined, "minute"],
      ["* * * *", undefined, "* * * *"],
      ["* * * * *", "Mars/Base", "Mars/Base"],
      ["0 0 30 2 *", undefined, "never due"],
    ];
    for (const [expression, timeZone, message] of refused) {
      assertThrows(() => worker.cron(expression, () => {}, { name: "job", timeZone }), StreaqError, message);
    }
    assertThrows(() => worker.cron("@daily", () => {}, { name: "job", timeout: null }), StreaqError, "timeout");
    assertThrows(() => worker.cron("@daily", () => {}, { name: "job", maxScheduleDrift: -1 }), RangeError, "-1");
    assertThrows(() => new Worker({ timeZone: "Mars/Base" }), RangeError, "Mars/Base");
    assertEquals(worker.registry.size, 0);
  });

  it("runs an occurrence late that was pending when all workers stopped, and skips the later ones", async () => {
    const queueName = stage.newQueue();
    const runs: string[] = [];
    const make = async () => {
      const worker = await stage.worker({ queueName });
      worker.cron("* * * * * *", function second() {
        runs.push(taskContext().taskId);
      });
      return worker;
    };
    const [one, two] = [await make(), await make()];
    const first = running(one);
    await eventually(() => runs.length > 0);
    await first.stop();
    const before = runs.length;
    const pending = [...await one.getTasksByStatus("queued"), ...await one.getTasksByStatus("scheduled")];
    // Occurrences that were missed by no more than two seconds would not be skipped.
    await clockPasses((await one.schedules())[0]!.nextRun + 3000);
    const restart = Date.now();
    const second = running(two);
    await eventually(() => runs.length >= before + pending.length + 1, { timeout: 20_000 });
    await second.stop();
    const late: string[] = [];
    for (const id of runs.slice(before)) {
      if ((await two.resultById(id)).enqueueTime < restart) late.push(id);
    }
    assertEquals(late.sort(), pending.map(({ taskId }) => taskId).sort());
  });

  it("drops an occurrence that would start later than maxScheduleDrift", async () => {
    const queueName = stage.newQueue();
    const lines = new Lines();
    let runs = 0;
    const make = async () => {
      const worker = await stage.worker({ queueName, logger: lines });
      worker.cron("* * * * * *", () => void runs++, { name: "job", maxScheduleDrift: 500 });
      return worker;
    };
    const worker = await make();
    const first = running(worker);
    await eventually(() => runs > 0);
    await first.stop();
    await clockPasses((await worker.schedules())[0]!.nextRun + 500);
    const second = running(await make());
    await eventually(() => lines.with("Cron job job missed its time by more than 500 ms").length > 0);
    await second.stop();
  });

  it("applies a changed expression at the next start, also to a job of an included worker", async () => {
    const queueName = stage.newQueue();
    const lines = new Lines();
    const make = async (expression: string) => {
      const module = new Worker();
      module.cron(expression, () => {}, { name: "job" });
      const worker = await stage.worker({ queueName, logger: lines });
      worker.include(module);
      return worker;
    };
    const [one, two] = [await make("0 0 1 1 *"), await make("0 0 1 6 *")];
    const first = running(one);
    await eventually(async () => (await one.schedules()).length === 1);
    await first.stop();
    assertEquals(new Date((await one.schedules())[0]!.nextRun).getUTCMonth(), 0);
    const second = running(two);
    await eventually(async () => (await two.schedules())[0]!.expression === "0 0 1 6 *");
    await second.stop();
    const [schedule, ...others] = await two.schedules();
    assertEquals([schedule!.id, schedule!.dynamic, others.length], ["job", false, 0]);
    assertEquals(new Date(schedule!.nextRun).getUTCMonth(), 5);
    // The occurrence of the old expression is withdrawn.
    assertEquals((await two.getTasksByStatus("scheduled")).map(({ scheduled }) => scheduled!.getTime()), [
      schedule!.nextRun,
    ]);
    assertEquals([lines.with("job created").length, lines.with("job changed").length], [1, 1]);
  });

  it("removes a job that is no longer in the code, with one line in the log", async () => {
    const queueName = stage.newQueue();
    const old = await stage.worker({ queueName, idleTimeout: 500 });
    let runs = 0;
    old.cron("* * * * * *", () => void runs++, { name: "gone" });
    const first = running(old);
    await eventually(() => runs > 0);
    await first.stop();
    const lines = new Lines();
    const worker = await stage.worker({ queueName, logger: lines, idleTimeout: 500 });
    const second = running(worker);
    await eventually(async () => (await worker.schedules()).length === 0, { timeout: 20_000 });
    await second.stop();
    assertEquals(lines.with("gone is no longer registered by any worker").length, 1);
  });

  it("leaves a job to the workers that have it in their code", async () => {
    const queueName = stage.newQueue();
    const knowing = await stage.worker({ queueName, idleTimeout: 1000 });
    let runs = 0;
    knowing.cron("* * * * * *", () => void runs++, { name: "known" });
    const lines = new Lines();
    const other = await stage.worker({ queueName, idleTimeout: 1000, logger: lines, concurrency: 1 });
    // This worker runs the occurrences too, but does not schedule them.
    other.task(() => void runs++, { name: "known" });
    const all = [running(knowing), running(other)];
    await eventually(() => runs >= 3, { timeout: 20_000 });
    assertEquals([(await other.schedules()).length, lines.problems], [1, []]);
    await Promise.all(all.map((run) => run.stop()));
  });
});

behaviour("a task with a schedule", (stage) => {
  it("runs with its arguments and its priority until it is unscheduled", async () => {
    const worker = await stage.worker({ priorities: ["low", "high"] });
    const runs: string[] = [];
    const note = worker.task((text: string) => void runs.push(text), { name: "note" });
    const task = await note.enqueue("tick").start({ schedule: "* * * * * *", priority: "high", id: "my-job" });
    assertEquals([await task.status(), (await task.info())?.args], ["scheduled", ["tick"]]);
    const [schedule] = await worker.schedules();
    assertEquals([schedule!.id, schedule!.fnName, schedule!.args, schedule!.priority, schedule!.dynamic], [
      "my-job",
      "note",
      ["tick"],
      "high",
      true,
    ]);
    const run = running(worker);
    await eventually(() => runs.length >= 3, { timeout: 20_000 });
    // The first occurrence has the id of the schedule.
    assertEquals((await task.result()).success, true);
    assertEquals([await task.unschedule(), await task.unschedule()], [true, false]);
    const before = runs.length;
    assertEquals(await worker.schedules(), []);
    await eventually(async () => await worker.queueSize() === 0);
    // An occurrence of the next second would run before the second one of this task.
    const other = await note.enqueue("tock").start({ schedule: "* * * * * *" });
    await eventually(() => runs.filter((text) => text === "tock").length >= 2, { timeout: 20_000 });
    await other.unschedule();
    assert(runs.slice(before).filter((text) => text === "tick").length <= 1, "one that was already running");
    await run.stop();
    await stage.assertClean(worker);
  });

  it("is unscheduled together with its pending occurrence", async () => {
    const worker = await stage.worker();
    let runs = 0;
    const job = worker.task(() => void runs++, { name: "job" });
    const task = await job.enqueue().start({ schedule: "* * * * * *" });
    assertEquals(await worker.unscheduleById(task.id), true);
    assertEquals([await task.status(), await worker.queueSize()], ["missing", 0]);
    // An occurrence that is due, but has not started.
    const other = await job.enqueue().start({ schedule: "* * * * * *" });
    await clockPasses((await worker.schedules())[0]!.nextRun);
    assertEquals(await other.unschedule(), true);
    await worker.run({ burst: true });
    assertEquals(runs, 0);
    await stage.assertClean(worker);
  });

  it("is scheduled once per id, also in a batch with other tasks", async () => {
    const worker = await stage.worker();
    const job = worker.task((n: number) => n, { name: "job" });
    const requests = [
      job.enqueue(1),
      job.enqueue(2).start({ schedule: "@yearly", id: "two" }),
      job.enqueue(3).start({ delay: "1h" }),
      job.enqueue(4).start({ schedule: "@monthly", id: "two" }),
    ];
    const tasks = await worker.enqueueMany(requests);
    assertEquals(tasks.map(({ id }) => id), requests.map(({ id }) => id));
    assertEquals((await worker.schedules()).map(({ args, expression }) => [args, expression]), [[[2], "@yearly"]]);
    assertEquals(await Promise.all(tasks.map((task) => task.status())), [
      "queued",
      "scheduled",
      "scheduled",
      "scheduled",
    ]);
    await job.enqueue(5).start({ schedule: "@daily", id: "two" });
    assertEquals((await worker.schedules()).length, 1);
  });

  it("is due in the time zone of its worker", async () => {
    const worker = await stage.worker({ timeZone: "Asia/Kolkata" });
    const job = worker.task(() => 1, { name: "job" });
    await job.enqueue().start({ schedule: "0 9 * * *" });
    const [schedule] = await worker.schedules();
    assertEquals(new Date(schedule!.nextRun).toISOString().slice(11, 16), "03:30");
    assertEquals([schedule!.timeZone, worker.nextRun("0 9 * * *")], ["Asia/Kolkata", schedule!.nextRun]);
    assertStringIncludes(String(await Promise.resolve().then(() => worker.nextRun("x")).catch((error) => error)), "x");
  });
});
