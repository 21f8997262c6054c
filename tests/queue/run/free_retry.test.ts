import { describe, it } from "node:test";
import { assertEquals, assertInstanceOf, assertStringIncludes } from "@std/assert";
import { StreaqError, StreaqRetry } from "../../../src/base/errors.ts";
import { taskContext } from "../../../src/queue/context/task_context.ts";
import { eventually } from "../../support/poll.ts";
import { behaviour } from "../behaviour.ts";
import { clockPasses, Lines, running, untilAborted } from "../stage.ts";
import { clockedWorkers } from "./clocked_workers.ts";

behaviour("a StreaqRetry with free: true", (stage) => {
  it("spends no try: the task does not fail by maxTries, and its tries stay", async () => {
    const worker = await stage.worker();
    const seen: number[] = [];
    const busy = worker.task("busy", () => {
      seen.push(taskContext().tries);
      if (seen.length < 7) throw new StreaqRetry("come back later", { delay: 1, free: true });
      return "done";
    }, { maxTries: 1 });
    const run = running(worker);
    const { result, tries } = await (await busy.enqueue()).result();
    await run.stop();
    assertEquals([result, tries, seen], ["done", 1, [1, 1, 1, 1, 1, 1, 1]]);
    assertEquals([worker.counters.retried, worker.counters.failed], [6, 0]);
    await stage.assertClean(worker);
  });

  it("leaves the tries that were spent before and are spent after it", async () => {
    const worker = await stage.worker();
    const seen: number[] = [];
    const steps = ["paid", "free", "free", "error", "free", "paid"];
    const busy = worker.task("busy", () => {
      seen.push(taskContext().tries);
      const step = steps[seen.length - 1]!;
      if (step === "error") throw new RangeError("no luck");
      throw new StreaqRetry(step, { delay: 0, free: step === "free", cause: new RangeError("the last") });
    }, { retry: 0 });
    const run = running(worker);
    const { exception, tries } = await (await busy.enqueue()).result();
    await run.stop();
    assertEquals([exception!.message, tries, seen], ["the last", 3, [1, 2, 2, 2, 3, 3]]);
    assertEquals([worker.counters.retried, worker.counters.failed], [5, 1]);
    await stage.assertClean(worker);
  });

  it("is shown in the log and in the info, and can be aborted", async () => {
    const lines = new Lines();
    const worker = await stage.worker({ logger: lines });
    const busy = worker.task("busy", () => {
      throw new StreaqRetry("come back later", { delay: "1h", free: taskContext().tries === 2 });
    }, { maxTries: 3 });
    const second = worker.task("second", () => {
      throw new StreaqRetry("come back later", { delay: "1h", free: true });
    }, { maxTries: 3 });
    const run = running(worker);
    const tasks = [await busy.enqueue(), await second.enqueue()] as const;
    await eventually(async () => (await worker.getTasksByStatus("scheduled")).length === 2);
    assertEquals(await Promise.all(tasks.map(async (task) => (await task.info())!.tries)), [1, 0]);
    const text = "will be retried in 3600000 ms";
    const expected = [`↻ ${tasks[0].id} ${text} (try 1 of 3): `, `↻ ${tasks[1].id} ${text} (try 1 of 3, not spent): `];
    for (const start of expected) await eventually(() => lines.with(`${start}come back later`).length === 1);
    assertEquals(await Promise.all(tasks.map((task) => task.abort())), [true, true]);
    await run.stop();
    await stage.assertClean(worker);
  });

  it("lets a task that has spent no try expire again, from when it is due again", async () => {
    const queueName = stage.newQueue();
    const [patient, hasty] = [await stage.worker({ queueName }), await stage.worker({ queueName })];
    const runs = { free: 0, paid: 0 };
    const defer = (name: "free" | "paid") => {
      runs[name]++;
      throw new StreaqRetry("later", { delay: 100, free: name === "free" });
    };
    const job = patient.task("job", defer, { expire: "1h", maxTries: null });
    let ran = 0;
    hasty.task("job", (name: "free" | "paid") => {
      ran++;
      return `${name} ${taskContext().tries > 1}`;
    }, { expire: 50, maxTries: null });
    // A stub sends no time of its own.
    const stub = hasty.stub<typeof job>("job");
    const tasks = await hasty.enqueueMany([stub.enqueue("free"), stub.enqueue("paid")]);
    const run = running(patient);
    await eventually(() => runs.free > 1 && runs.paid > 1);
    await run.stop();
    await clockPasses(Date.now() + 100 + 50);
    await hasty.run({ burst: true });
    const [free, paid] = await Promise.all(tasks.map((task) => task.result()));
    assertInstanceOf(free!.exception, StreaqError);
    assertStringIncludes(free!.exception.message, "Task job expired: it was not started within 50 ms");
    assertEquals([free!.tries, paid!.result, ran], [0, "paid true", 1]);
    await stage.assertClean(hasty);
  });

  it("lets a task expire that a shutdown had released before", async () => {
    const queueName = stage.newQueue();
    const [first, second, third] = [
      await stage.worker({ queueName }),
      await stage.worker({ queueName }),
      await stage.worker({ queueName }),
    ];
    const runs = [0, 0, 0];
    first.task("job", async () => {
      runs[0]!++;
      await untilAborted(taskContext().signal);
    });
    second.task("job", () => {
      runs[1]!++;
      throw new StreaqRetry("later", { delay: 100, free: true });
    });
    third.task("job", () => void runs[2]!++, { expire: 50 });
    const task = await third.stub<() => void>("job").enqueue();
    for (const [n, worker] of [first, second].entries()) {
      const run = running(worker);
      await eventually(() => runs[n]! > 0);
      await run.stop();
    }
    await clockPasses(Date.now() + 100 + 50);
    await third.run({ burst: true });
    assertStringIncludes((await task.result()).exception!.message, "Task job expired");
    assertEquals([runs[0], runs[2]], [1, 0]);
    await stage.assertClean(third);
  });
});

describe("a StreaqRetry with free: true, by a TestClock", () => {
  const setUp = clockedWorkers();

  it("comes back for hours, however many times", async () => {
    const { clock, worker } = setUp();
    const times: number[] = [];
    const closed = worker.task("closed", () => {
      times.push(clock.monotonic() / 60_000);
      if (times.length < 100) throw new StreaqRetry("closed", { delay: "1m", free: true });
      return taskContext().tries;
    }, { maxTries: 2, ttl: null });
    void worker.run();
    const task = await closed.enqueue();
    await clock.advance("2h");
    assertEquals((await task.result()).result, 1);
    assertEquals(times, Array.from({ length: 100 }, (_, i) => i));
  });
});
