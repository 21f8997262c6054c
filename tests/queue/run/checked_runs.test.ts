import { AsyncLocalStorage } from "node:async_hooks";
import { it } from "node:test";
import { assert, assertEquals, assertInstanceOf, assertStringIncludes } from "@std/assert";
import {
  checked,
  StreaqCancelled,
  StreaqError,
  StreaqRetry,
  taskContext,
  TimeoutError,
  ValidationError,
  workerContext,
} from "../../../mod.ts";
import { eventually } from "../../support/poll.ts";
import { gate } from "../../support/promises.ts";
import { behaviour } from "../behaviour.ts";
import { clockPasses, running } from "../stage.ts";
import { noting, schema } from "../tasks/schema.ts";
import { vendors } from "../tasks/vendors.ts";

const positive = schema<number>((value) => {
  return typeof value === "number" && value > 0 ? { value } : { issues: [{ message: "Not positive" }] };
});
const plusOne = schema<number>((value) => ({ value: value as number + 1 }));
const never = schema<number>(() => new Promise(() => {}));

behaviour("Invalid arguments", (stage) => {
  for (const { name, order, note } of vendors) {
    it(`of 1,000 tasks of an older producer fail all of them with ${name}, without a call or a try`, async () => {
      const worker = await stage.worker();
      let calls = 0;
      worker.middleware((next) => async (...args) => {
        calls++;
        return await next(...args);
      });
      worker.task("ship", checked([order, note], () => void calls++));
      const stub = worker.stub<(...args: unknown[]) => void>("ship");
      const payloads = [[{ id: "17", at: "secret" }], [{ id: 17, at: "2027-01-01" }, "fragile"], [], [null, null], [
        [],
      ]];
      const requests = Array.from({ length: 1000 }, (_, i) => stub.enqueue(...payloads[i % payloads.length]!));
      const tasks = await worker.enqueueMany(requests);
      const run = running(worker);
      for (const result of await Promise.all(tasks.map((task) => task.result()))) {
        assertInstanceOf(result.exception, ValidationError);
        assertStringIncludes(result.exception.message, "Invalid arguments of task ship: [0]");
        assert(!result.exception.message.includes("secret"));
        assertEquals([result.exception.issues, result.tries], [[], 0]);
      }
      await run.stop();
      const { counters } = worker;
      assertEquals([calls, counters.failed, counters.completed, counters.retried], [0, 1000, 0, 0]);
      await stage.assertClean(worker);
    });
  }

  it("are kept with the failure as they were given, and their task can be run again with another schema", async () => {
    const worker = await stage.worker();
    let isStrict = true;
    const strict = schema<number>((value) =>
      isStrict ? { issues: [{ message: "no" }] } : { value: -(value as number) }
    );
    worker.task("task", checked([strict], (n) => n));
    const task = await worker.enqueueUnsafe("task", 5);
    await worker.drain();
    const [failure] = await worker.failures({ error: "ValidationError" });
    assertEquals([failure?.args, failure?.tries], [[5], 0]);
    isStrict = false;
    assertEquals(await task.retry(), true);
    await worker.drain();
    const { result, tries } = await task.result();
    assertEquals([result, tries], [-5, 1]);
    await stage.assertClean(worker);
  });

  it("are those of a task that has not expired", async () => {
    const worker = await stage.worker();
    const seen: unknown[] = [];
    worker.task("task", checked([noting<number>(seen)], () => {}), { expire: 1 });
    const task = await worker.enqueueUnsafe("task", 1);
    await clockPasses(Date.now() + 5);
    await worker.run({ burst: true });
    assertStringIncludes((await task.result()).exception!.message, "expired");
    assertEquals(seen, []);
  });

  it("take no lock, and do not wait for one", async () => {
    const worker = await stage.worker();
    const { open, opened } = gate();
    const task = worker.task("task", checked([positive], () => opened), { unique: true, timeout: "1m" });
    const run = running(worker);
    const first = await task.enqueue(1);
    await eventually(async () => await first.status() === "running");
    const invalid = await worker.enqueueUnsafe("task", -1);
    assertInstanceOf((await invalid.result()).exception, ValidationError);
    open();
    assertEquals((await first.result()).success, true);
    await run.stop();
    await stage.assertClean(worker);
  });

  it("fail a task with a StreaqError and its cause if a schema fails, and no other task", async () => {
    const worker = await stage.worker();
    let calls = 0;
    const failing = schema<number>((value) => {
      if (value === 0) throw new StreaqRetry("not now", { delay: 0 });
      if (value === 1) return undefined;
      return { value };
    });
    worker.task("task", checked([failing], () => ++calls));
    const tasks = await worker.enqueueMany([0, 1, 2].map((n) => worker.enqueueUnsafe("task", n)));
    await worker.run({ burst: true });
    const results = await Promise.all(tasks.map((task) => task.result()));
    for (const { exception, tries } of results.slice(0, 2)) {
      assertInstanceOf(exception, StreaqError);
      assertEquals(
        [exception.message, tries],
        ["Cannot check the arguments of task task: the schema of [0] failed", 0],
      );
    }
    const causes = results.slice(0, 2).map(({ exception }) => (exception?.cause as Error).message);
    assertEquals(causes, ["not now", "Expected { value } or { issues } from a schema, got undefined"]);
    assertEquals([results[2]!.success, calls, worker.counters.retried], [true, 1, 0]);
  });

  it("of a nested call are an ordinary error of the outer task", async () => {
    const worker = await stage.worker();
    const inner = worker.task("inner", checked([positive], (n) => n));
    const outer = worker.task("outer", async (n: number) => await inner(n));
    const again = worker.task("again", async (n: number) => {
      try {
        return await inner(taskContext().tries === 1 ? n : -n);
      } catch (cause) {
        throw new StreaqRetry("again", { delay: 0, cause });
      }
    });
    const [failed, retried] = await worker.enqueueMany([outer.enqueue(-1), again.enqueue(-1)]);
    await worker.run({ burst: true });
    const { exception, tries } = await failed.result();
    assertInstanceOf(exception, ValidationError);
    assertEquals([exception.message, tries], ["Invalid arguments of task inner: [0]: Not positive", 1]);
    assertEquals([(await retried.result()).result, (await retried.result()).tries], [1, 2]);
  });
});

behaviour("Valid arguments", (stage) => {
  it("reach middleware and the function as they came out of the schemas, checked once", async () => {
    const worker = await stage.worker();
    const seen: unknown[] = [];
    worker.middleware((next) => async (...args) => {
      seen.push(args);
      return await next(...args.map((value) => value as number * 10));
    });
    worker.task("task", checked([plusOne, plusOne], (...args) => void seen.push(args)));
    await worker.enqueueUnsafe("task", 1, 2);
    await worker.run({ burst: true });
    assertEquals(seen, [[2, 3], [20, 30]]);
  });

  it("are checked in the scope of the task, which no later task sees", async () => {
    const worker = await stage.worker({
      lifespan: async function* () {
        yield { limit: 5 };
      },
    });
    const flow = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const scoped = schema<number>(async (value) => {
      seen.push([taskContext().fnName, workerContext<{ limit: number }>().limit, flow.getStore()]);
      flow.enterWith("leaked");
      return await Promise.resolve({ value });
    });
    worker.task("task", checked([scoped], () => {}));
    await worker.enqueueMany([worker.enqueueUnsafe("task", 1), worker.enqueueUnsafe("task", 2)]);
    await worker.run({ burst: true });
    assertEquals(seen, [["task", 5, undefined], ["task", 5, undefined]]);
  });

  it("may be checked with the signal of the task, which is that of the function", async () => {
    const worker = await stage.worker();
    const signals: AbortSignal[] = [];
    const noted = schema<number>(async (value) => {
      taskContext().signal.addEventListener("abort", () => {});
      signals.push(taskContext().signal);
      return await Promise.resolve({ value });
    });
    worker.task(
      "task",
      checked([noted], (n) => {
        signals.push(taskContext().signal);
        return n;
      }, noted),
    );
    const task = await worker.enqueueUnsafe("task", 1);
    await worker.run({ burst: true });
    assertEquals((await task.result()).exception, undefined);
    assertEquals([signals.length, new Set(signals).size], [3, 1]);
  });

  it("are those of a cron job, which has none", async () => {
    const worker = await stage.worker();
    const times = worker.cron("* * * * * *", checked([], () => 5, schema((value) => ({ value: [value] }))), {
      name: "times",
    });
    const task = await times.enqueue();
    await worker.run({ burst: true });
    assertEquals((await task.result()).result, [5]);
  });
});

behaviour("An asynchronous schema of an argument", (stage) => {
  it("is awaited, and its slot stays taken", async () => {
    const worker = await stage.worker({ concurrency: 1 });
    const { open, opened } = gate();
    const slow = schema<number>(async (value) => {
      await opened;
      return value === 0 ? { issues: [{ message: "Zero" }] } : { value: value as number * 2 };
    });
    worker.task("slow", checked([slow], (n) => n));
    const [zero, one] = await worker.enqueueMany([0, 1].map((n) => worker.enqueueUnsafe("slow", n)));
    const run = running(worker);
    await eventually(() => worker.running === 1);
    open();
    assertEquals((await zero!.result()).exception?.message, "Invalid arguments of task slow: [0]: Zero");
    assertEquals((await one!.result()).result, 2);
    await run.stop();
    await stage.assertClean(worker);
  });

  it("is ended by the timeout of its task, which frees the slot and costs no try", async () => {
    const worker = await stage.worker({ concurrency: 1 });
    let calls = 0;
    worker.task("stuck", checked([never], () => void calls++), { timeout: 50 });
    const plain = worker.task("plain", () => "done");
    const run = running(worker);
    const stuck = await worker.enqueueUnsafe("stuck", 1);
    const { exception, tries } = await stuck.result();
    assertInstanceOf(exception, TimeoutError);
    assertEquals([exception.message, tries, calls], ["Task stuck timed out: it did not finish within 50 ms", 0, 0]);
    assertEquals((await (await plain.enqueue()).result()).result, "done");
    await run.stop();
    assertEquals([worker.counters.failed, worker.lingering], [1, 0]);
    await stage.assertClean(worker);
  });

  it("is ended by an abort of its task, which frees the slot", async () => {
    const worker = await stage.worker({ concurrency: 1 });
    let isChecking = false;
    const hanging = schema<number>(() => {
      isChecking = true;
      return new Promise(() => {});
    });
    worker.task("stuck", checked([hanging], () => {}));
    const plain = worker.task("plain", () => "done");
    const run = running(worker);
    const stuck = await worker.enqueueUnsafe("stuck", 1);
    await eventually(() => isChecking);
    assertEquals(await stuck.abort(), true);
    assertInstanceOf((await stuck.result()).exception, StreaqCancelled);
    assertEquals((await (await plain.enqueue()).result()).result, "done");
    await run.stop();
    await stage.assertClean(worker);
  });

  it("is given up at a shutdown, and its task is released at the cost of no try", async () => {
    const worker = await stage.worker({ gracePeriod: "1h" });
    const other = await stage.worker({ queueName: worker.queueName });
    let isChecking = false;
    const hanging = schema<number>((value) => {
      if (isChecking) return { value };
      isChecking = true;
      return new Promise(() => {});
    });
    for (const each of [worker, other]) {
      each.task("stuck", checked([hanging], () => taskContext().tries), { maxTries: 1 });
    }
    const run = running(worker);
    const task = await worker.enqueueUnsafe("stuck", 1);
    await eventually(() => isChecking);
    await run.stop();
    assertEquals([await task.status(), worker.counters.relinquished], ["queued", 1]);
    await other.run({ burst: true });
    const { result, tries } = await task.result();
    assertEquals([result, tries], [1, 1]);
    await stage.assertClean(worker);
  });
});
