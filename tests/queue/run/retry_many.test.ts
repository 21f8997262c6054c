import { it } from "node:test";
import process from "node:process";
import { assertEquals, assertGreaterOrEqual } from "@std/assert";
import { StreaqRetry } from "../../../src/base/errors.ts";
import { taskContext } from "../../../src/queue/context/task_context.ts";
import { eventually } from "../../support/poll.ts";
import { gate } from "../../support/promises.ts";
import { behaviour } from "../behaviour.ts";
import { running, untilAborted } from "../stage.ts";

behaviour("a worker with pending retries", (stage) => {
  it("does not wait for them in a burst", async () => {
    const worker = await stage.worker();
    const job = worker.task(function job() {
      throw new StreaqRetry("later", { delay: "1h" });
    });
    const task = await job.enqueue();
    await worker.run({ burst: true });
    assertEquals(await task.status(), "scheduled");
    assertEquals(await task.abort(), true);
    await stage.assertClean(worker);
  });

  it("runs those that are already due in a burst", async () => {
    const left: string[] = [];
    for (let round = 0; round < 40; round++) {
      const worker = await stage.worker();
      const job = worker.task(function job() {
        if (taskContext().tries === 1) throw new StreaqRetry("now", { delay: 0 });
      });
      const task = await job.enqueue();
      await worker.run({ burst: true });
      const status = await task.status();
      if (status !== "done") left.push(status);
      await worker.close();
    }
    assertEquals(left, []);
  });

  it("leaves them to another worker while it is busy", async () => {
    const queueName = stage.newQueue();
    const first = await stage.worker({ queueName, concurrency: 1, id: "first" });
    const second = await stage.worker({ queueName, concurrency: 1, id: "second" });
    const { open, opened } = gate();
    const job = () => {
      if (taskContext().tries === 1) throw new StreaqRetry("on another worker", { delay: 300 });
    };
    const task = first.task(job, { name: "job" });
    const busy = first.task(() => opened, { name: "busy" });
    second.task(job, { name: "job" });
    const [one, blocker] = await first.enqueueMany([task.enqueue(), busy.enqueue()]);
    const runs = [running(first)];
    await eventually(async () => await blocker.status() === "running");
    runs.push(running(second));
    const { workerId, tries } = await one.result({ timeout: 4000 });
    assertEquals([workerId, tries], ["second", 2]);
    open();
    await Promise.all(runs.map((run) => run.stop()));
    await stage.assertClean(first);
  });

  it("loses none when it shuts down, and none runs early on the next worker", async () => {
    const queueName = stage.newQueue();
    const [first, second] = [await stage.worker({ queueName }), await stage.worker({ queueName })];
    let [due, again] = [0, 0];
    const job = () => {
      again = Date.now();
      if (taskContext().tries > 1) return "kept";
      due = again + 600;
      throw new StreaqRetry("after the restart", { delay: 600 });
    };
    const task = await first.task(job, { name: "job" }).enqueue();
    second.task(job, { name: "job" });
    const run = running(first);
    await eventually(async () => await task.status() === "scheduled");
    await run.stop();
    assertEquals([await task.status(), first.counters.relinquished], ["scheduled", 0]);
    const other = running(second);
    assertEquals((await task.result()).result, "kept");
    await other.stop();
    assertGreaterOrEqual(again, due);
    await stage.assertClean(second);
  });
});

behaviour("many retries", (stage) => {
  it("run once each over two workers, even if they are due at the same moment", async () => {
    const queueName = stage.newQueue();
    const workers = [await stage.worker({ queueName, concurrency: 100 }), await stage.worker({ queueName })];
    const schedule = new Date(Date.now() + 1500);
    const runs = new Map<string, number[]>();
    const job = async () => {
      const { taskId, tries } = taskContext();
      runs.set(taskId, [...runs.get(taskId) ?? [], tries]);
      await Promise.resolve();
      if (tries === 1) throw new StreaqRetry("all at once", { schedule });
    };
    const [task] = workers.map((worker) => worker.task(job, { name: "job", silent: true }));
    // More than one call moves.
    const tasks = await workers[0]!.enqueueMany(Array.from({ length: 1200 }, () => task!.enqueue()));
    const runners = workers.map((worker) => running(worker));
    await Promise.all(tasks.map((task) => task.result({ timeout: "20s" })));
    assertEquals([...runs.values()].filter((tries) => tries.join() !== "1,2"), []);
    await Promise.all(runners.map((run) => run.stop()));
    const sum = (key: "completed" | "retried") => workers[0]!.counters[key] + workers[1]!.counters[key];
    assertEquals([runs.size, sum("completed"), sum("retried")], [1200, 1200, 1200]);
    await stage.assertClean(workers[0]!);
  });

  it("run in the order in which they are due", async () => {
    const worker = await stage.worker({ concurrency: 8 });
    const order: number[] = [];
    const job = worker.task(function job(delay: number) {
      if (taskContext().tries === 1) throw new StreaqRetry("in order", { delay });
      order.push(delay);
    });
    const run = running(worker);
    const hour = await job.enqueue(3_600_000);
    await eventually(async () => await hour.status() === "scheduled");
    const tasks = await worker.enqueueMany([900, 300, 600].map((delay) => job.enqueue(delay)));
    await Promise.all(tasks.map((task) => task.result()));
    assertEquals(order, [300, 600, 900]);
    await hour.abort();
    await run.stop();
    await stage.assertClean(worker);
  });
});

behaviour("a StreaqRetry that a function throws because of a shutdown", (stage) => {
  it("releases the task instead, and the try does not count", async () => {
    const queueName = stage.newQueue();
    const [first, second] = [await stage.worker({ queueName }), await stage.worker({ queueName })];
    const job = async () => {
      const { signal, tries } = taskContext();
      if (!stopping) return tries;
      try {
        await untilAborted(signal);
      } catch (cause) {
        throw new StreaqRetry("not now", { delay: "1h", cause });
      }
    };
    let stopping = true;
    const task = await first.task(job, { name: "job" }).enqueue();
    second.task(job, { name: "job" });
    const run = running(first);
    await eventually(() => first.running === 1);
    await eventually(async () => await task.status() === "running");
    await run.stop();
    stopping = false;
    assertEquals(await task.status(), "queued");
    await second.run({ burst: true });
    assertEquals((await task.result()).result, 1);
    assertEquals([first.counters.retried, first.counters.relinquished], [0, 1]);
    await stage.assertClean(second);
  });
});

behaviour("a malformed StreaqRetry", (stage) => {
  const malformed: [fault: string, error: () => Error][] = [
    ["its schedule throws", () =>
      Object.defineProperty(new StreaqRetry("strange"), "schedule", {
        get: () => {
          throw new Error("gotcha");
        },
      })],
    ["its schedule is a string", () => Object.assign(new StreaqRetry("strange"), { schedule: "tomorrow" })],
    ["its schedule is an invalid date", () => Object.assign(new StreaqRetry("strange"), { schedule: new Date(NaN) })],
    ["its delay is an invalid string", () => Object.assign(new StreaqRetry("strange"), { delay: "soon" })],
    ["its delay is NaN", () => Object.assign(new StreaqRetry("strange"), { delay: NaN })],
    ["its delay is infinite", () => Object.assign(new StreaqRetry("strange"), { delay: Infinity })],
    ["its message throws", () =>
      Object.defineProperty(new StreaqRetry("strange", { delay: 0 }), "message", {
        get: () => {
          throw new Error("gotcha");
        },
      })],
    ["it is a proxy that throws", () =>
      new Proxy(new StreaqRetry("strange", { delay: 0 }), {
        get: () => {
          throw new Error("gotcha");
        },
      })],
  ];
  for (const [fault, error] of malformed) {
    it(`fails only its own task if ${fault}`, async () => {
      const worker = await stage.worker();
      const unhandled: unknown[] = [];
      const note = (reason: unknown) => unhandled.push(reason);
      process.on("unhandledRejection", note);
      const bad = worker.task(() => {
        throw error();
      }, { name: "bad" });
      const good = worker.task(() => {
        if (taskContext().tries === 1) throw new StreaqRetry("good", { delay: 0 });
      }, { name: "good" });
      const run = running(worker);
      const [task, other] = await worker.enqueueMany([bad.enqueue(), good.enqueue()]);
      assertEquals((await other.result({ timeout: 4000 })).success, true);
      assertEquals((await task.result({ timeout: 4000 })).success, false);
      await run.stop();
      process.off("unhandledRejection", note);
      assertEquals([unhandled, worker.running], [[], 0]);
      await stage.assertClean(worker);
    });
  }
});
