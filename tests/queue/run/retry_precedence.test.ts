/** Which failures of a task its retry policy is asked about, and which it is not. */
import { it } from "node:test";
import { assertEquals, assertInstanceOf, assertStringIncludes } from "@std/assert";
import { StreaqCancelled, StreaqRetry } from "../../../src/base/errors.ts";
import { taskContext } from "../../../src/queue/context/task_context.ts";
import { eventually } from "../../support/poll.ts";
import { gate } from "../../support/promises.ts";
import { behaviour } from "../behaviour.ts";
import { clockPasses, receivesEvents, running, untilAborted } from "../stage.ts";
import { cutOff, shortIdleTimeout } from "./cut_off.ts";

behaviour("a retry policy", (stage) => {
  /** A worker whose tasks have a policy that notes what it is asked about. */
  async function noting(options: { queueName?: string; idleTimeout?: number; maxPayload?: number } = {}) {
    const asked: string[] = [];
    const worker = await stage.worker({
      ...options,
      retry: (error) => {
        asked.push(error.message);
        return 0;
      },
    });
    return { worker, asked };
  }

  it("leaves a StreaqRetry its own rules: its delay, and its cause when no try is left", async () => {
    const { worker, asked } = await noting();
    const job = worker.task("job", (schedule: boolean) => {
      const { tries } = taskContext();
      if (tries === 1) throw new StreaqRetry("soon", schedule ? { schedule: new Date(0) } : { delay: 1 });
      throw new StreaqRetry("late", { delay: "1h", cause: new RangeError(`try ${tries}`) });
    }, { maxTries: 2 });
    const run = running(worker);
    const tasks = await worker.enqueueMany([job.enqueue(true), job.enqueue(false)]);
    for (const task of tasks) {
      const { exception, tries } = await task.result();
      assertInstanceOf(exception, RangeError);
      assertEquals([exception.message, tries], ["try 2", 2]);
    }
    await run.stop();
    assertEquals(asked, []);
    await stage.assertClean(worker);
  });

  it("is asked again after a StreaqRetry, with the number of the try", async () => {
    const worker = await stage.worker();
    const asked: [string, number][] = [];
    const job = worker.task("job", () => {
      const { tries } = taskContext();
      if (tries === 2) throw new StreaqRetry("by itself", { delay: 0 });
      if (tries < 5) throw new Error(`try ${tries}`);
      return tries;
    }, {
      maxTries: 5,
      retry: (error, tries) => {
        asked.push([error.message, tries]);
        return 0;
      },
    });
    const run = running(worker);
    assertEquals((await (await job.enqueue()).result()).result, 5);
    await run.stop();
    assertEquals(asked, [["try 1", 1], ["try 3", 3], ["try 4", 4]]);
  });

  it("is asked about an error of middleware, and about an invalid StreaqRetry", async () => {
    const { worker, asked } = await noting();
    let calls = 0;
    worker.middleware((next) => async (...args) => {
      if (++calls === 1) throw new Error("middleware");
      return await next(...args);
    });
    const job = worker.task("job", () => {
      if (calls === 2) new StreaqRetry("never", { delay: -1 });
      return calls;
    });
    const run = running(worker);
    assertEquals((await (await job.enqueue()).result()).result, 3);
    await run.stop();
    assertEquals(asked, ["middleware", 'Cannot use option "delay": expected a duration >= 0, got -1']);
  });

  it("is not asked about a task whose function is not called", async () => {
    const { worker, asked } = await noting();
    const { open, opened } = gate();
    let calls = 0;
    const late = worker.task("late", () => void calls++, { expire: 1 });
    const only = worker.task("only", () => opened, { unique: true, timeout: "1h" });
    const job = worker.task("job", () => void calls++);
    const expired = await late.enqueue();
    await clockPasses(Date.now() + 1);
    const run = running(worker);
    const first = await only.enqueue();
    await eventually(async () => await first.status() === "running");
    const signer = await stage.worker({ queueName: worker.queueName, signingSecret: "another" });
    signer.task("job", () => {});
    // A record with a signature is no JSON.
    const signed = await signer.stub<typeof job>("job").enqueue();
    const unknown = await worker.enqueueUnsafe("unknown");
    const second = await only.enqueue();
    const expected = {
      [expired.id]: "expired",
      [second.id]: "is unique",
      [signed.id]: "Cannot read the record",
      [unknown.id]: "no task of this name is registered",
    };
    for (const [id, message] of Object.entries(expected)) {
      const { exception, tries } = await worker.resultById(id);
      assertStringIncludes(exception!.message, message);
      assertEquals(tries, 0);
    }
    open();
    await first.result();
    await run.stop();
    assertEquals([asked, calls, worker.counters.retried, worker.counters.failed], [[], 0, 0, 4]);
    await stage.assertClean(worker);
  });

  it("is not asked about a task that was given up after the death of its workers", async () => {
    const { worker, asked } = await noting({ idleTimeout: shortIdleTimeout });
    let runs = 0;
    const job = worker.task("job", () => void runs++, { maxTries: 2 });
    const task = await job.enqueue();
    await cutOff(stage, worker.queueName, 1, ["first", "second"]);
    const run = running(worker);
    assertEquals((await task.result()).exception!.message, "Task job was given up after 2 tries");
    await run.stop();
    assertEquals([asked, runs, worker.counters.retried], [[], 0, 0]);
    await stage.assertClean(worker);
  });

  it("is not asked about a result that cannot be stored", async () => {
    const { worker, asked } = await noting({ maxPayload: 1000 });
    let runs = 0;
    const date = worker.task("date", () => {
      runs++;
      return new Date(0);
    });
    const large = worker.task("large", () => {
      runs++;
      return "x".repeat(2000);
    });
    const run = running(worker);
    const tasks = await worker.enqueueMany([date.enqueue(), large.enqueue()]);
    for (const task of tasks) {
      const { exception, tries } = await task.result();
      assertEquals([exception!.name, tries], ["StreaqError", 1]);
    }
    await run.stop();
    assertEquals([asked, runs, worker.counters.retried], [[], 2, 0]);
    await stage.assertClean(worker);
  });

  it("is not asked about an abort, whatever the function throws then", async () => {
    const { worker, asked } = await noting();
    const run = running(worker);
    await receivesEvents(worker);
    let runs = 0;
    const ends: (() => never)[] = [() => taskContext().signal.throwIfAborted() as never, () => {
      throw new RangeError("after the abort");
    }, () => {
      throw new StreaqRetry("after the abort", { delay: 0 });
    }];
    const job = worker.task("job", async (end: number) => {
      runs++;
      await untilAborted(taskContext().signal).catch(() => {});
      ends[end]!();
    }, { timeout: "1h" });
    const tasks = await worker.enqueueMany([job.enqueue(0), job.enqueue(1), job.enqueue(2)]);
    await eventually(() => runs === 3);
    assertEquals(await Promise.all(tasks.map((task) => task.abort())), [true, true, true]);
    await eventually(() => worker.running === 0);
    for (const task of tasks) assertInstanceOf((await task.result()).exception, StreaqCancelled);
    await run.stop();
    assertEquals([asked, runs, worker.counters.aborted, worker.counters.retried], [[], 3, 3, 0]);
    await stage.assertClean(worker);
  });

  it("is not asked about a shutdown: the task is released at the cost of no try, or fails with maxTries: 1", async () => {
    const queueName = stage.newQueue();
    const { worker, asked } = await noting({ queueName });
    const other = await stage.worker({ queueName });
    let runs = 0;
    const work = async () => {
      if (++runs > 2) return taskContext().tries;
      await untilAborted(taskContext().signal).catch(() => {});
      throw new RangeError("because of the shutdown");
    };
    const [many, once] = [worker.task("many", work), worker.task("once", work, { maxTries: 1 })];
    other.task("many", work);
    const run = running(worker);
    const [released, failed] = await worker.enqueueMany([many.enqueue(), once.enqueue()]);
    await eventually(() => runs === 2);
    await run.stop();
    assertStringIncludes((await failed.result()).exception!.message, "is shutting down");
    await other.run({ burst: true });
    assertEquals((await released.result()).result, 1);
    assertEquals([asked, worker.counters.retried, worker.counters.relinquished], [[], 0, 1]);
    await stage.assertClean(other);
  });
});
