import { it } from "node:test";
import { assertEquals, assertInstanceOf, assertStringIncludes } from "@std/assert";
import {
  checked,
  StreaqCancelled,
  StreaqRetry,
  taskContext,
  TimeoutError,
  tuple,
  ValidationError,
} from "../../../mod.ts";
import { eventually } from "../../support/poll.ts";
import { behaviour } from "../behaviour.ts";
import { Lines, running, untilAborted } from "../stage.ts";
import { noting, schema } from "../tasks/schema.ts";
import { vendors } from "../tasks/vendors.ts";

behaviour("A schema of a result", (stage) => {
  for (const { name, receipt, free } of vendors) {
    it(`of ${name} makes what is stored`, async () => {
      const worker = await stage.worker();
      const pay = worker.task("pay", checked([], () => ({ total: 5 }), receipt));
      const show = worker.task("show", ({ total }: { total: string }) => `${total} EUR`);
      const [task, piped] = [await pay.enqueue(), await pay.enqueue().pipe(show)];
      await worker.run({ burst: true });
      assertEquals([(await task.result()).result, (await piped.result()).result], [{ total: "5" }, "5 EUR"]);
    });

    it(`of ${name} that refuses it fails the task, which is not tried again`, async () => {
      const worker = await stage.worker();
      let calls = 0;
      const pay = worker.task(
        "pay",
        checked([], () => {
          calls++;
          return { total: "secret" as unknown as number };
        }, receipt),
      );
      const task = await pay.enqueue();
      await worker.run({ burst: true });
      const { exception, tries } = await task.result();
      assertInstanceOf(exception, ValidationError);
      assertStringIncludes(exception.message, "Invalid result of task pay: .total: ");
      assertEquals([calls, tries, worker.counters.retried], [1, 1, 0]);
      await stage.assertClean(worker);
    });

    if (!free) continue;
    it(`of ${name} is awaited`, async () => {
      const worker = await stage.worker();
      const take = worker.task("take", checked([noting<string>([])], (word) => word, free));
      const [task, taken] = [await take.enqueue("free"), await take.enqueue("taken")];
      await worker.run({ burst: true });
      assertEquals((await task.result()).result, "free!");
      assertEquals((await taken.result()).exception?.message, "Invalid result of task take: Taken");
    });
  }

  it("gets what middleware returned", async () => {
    const worker = await stage.worker();
    worker.middleware((next) => async (...args) => await next(...args) as number + 1);
    const one = worker.task("one", checked([], () => 1, schema<number>((value) => ({ value: [value] }))));
    const task = await one.enqueue();
    await worker.run({ burst: true });
    assertEquals((await task.result()).result, [2] as never);
  });

  it("that fails fails the task, even with a StreaqRetry", async () => {
    const worker = await stage.worker();
    const output = schema<number>(() => {
      throw new StreaqRetry("again", { delay: 0 });
    });
    const task = await worker.task("one", checked([], () => 1, output)).enqueue();
    await worker.run({ burst: true });
    const { exception } = await task.result();
    assertEquals(exception?.message, "Cannot check the result of task one: its schema failed");
    assertInstanceOf(exception?.cause, StreaqRetry);
    assertEquals(worker.counters.retried, 0);
  });

  it("can make a tuple, which a pipe spreads", async () => {
    const worker = await stage.worker();
    const pair = schema<number, ReturnType<typeof tuple<[number, number]>>>((value) => ({
      value: tuple(value as number, 2),
    }));
    const first = worker.task("first", checked([], () => 1, pair));
    const sum = worker.task("sum", (a: number, b: number) => a + b);
    const task = await first.enqueue().pipe(sum);
    await worker.run({ burst: true });
    assertEquals((await task.result()).result, 3);
  });

  for (const unique of [false, true]) {
    it(`that does not settle is ended by the timeout of its task${unique ? ", with its lock" : ""}`, async () => {
      const worker = await stage.worker({ concurrency: 1 });
      let isFirst = true;
      const output = schema<number>((value) => {
        if (!isFirst) return { value };
        isFirst = false;
        return new Promise(() => {});
      });
      const task = worker.task("task", checked([], () => 1, output), { timeout: 50, unique });
      const run = running(worker);
      const { exception, tries } = await (await task.enqueue()).result();
      assertInstanceOf(exception, TimeoutError);
      assertEquals(tries, 1);
      await eventually(() => worker.running === 0);
      assertEquals((await (await task.enqueue()).result()).result, 1);
      await run.stop();
      await stage.assertClean(worker);
    });
  }

  it("that does not settle is ended by an abort of its task", async () => {
    const worker = await stage.worker({ concurrency: 1 });
    let isChecking = false;
    const output = schema<number>(() => {
      isChecking = true;
      return new Promise(() => {});
    });
    const task = worker.task("task", checked([], () => 1, output));
    const plain = worker.task("plain", () => "done");
    const run = running(worker);
    const stuck = await task.enqueue();
    await eventually(() => isChecking);
    assertEquals(await stuck.abort(), true);
    assertInstanceOf((await stuck.result()).exception, StreaqCancelled);
    assertEquals((await (await plain.enqueue()).result()).result, "done");
    await run.stop();
    await stage.assertClean(worker);
  });

  it("may answer when its signal is aborted at a shutdown, and the result counts", async () => {
    const worker = await stage.worker();
    let isChecking = false;
    const output = schema<number>(async (value) => {
      isChecking = true;
      await untilAborted(taskContext().signal).catch(() => {});
      return { value };
    });
    const task = worker.task("task", checked([], () => 1, output));
    const run = running(worker);
    const slow = await task.enqueue();
    await eventually(() => isChecking);
    await run.stop();
    assertEquals((await slow.result()).result, 1);
    await stage.assertClean(worker);
  });

  it("that does not settle does not keep a worker from its shutdown", async () => {
    const lines = new Lines();
    const worker = await stage.worker({ logger: lines });
    let isChecking = false;
    const output = schema<number>(() => {
      isChecking = true;
      return new Promise(() => {});
    });
    const task = worker.task("task", checked([], () => 1, output), { maxTries: 1 });
    const run = running(worker);
    const stuck = await task.enqueue();
    await eventually(() => isChecking);
    await run.stop();
    const { exception, tries } = await stuck.result();
    assertStringIncludes(exception!.message, "shutting down");
    assertEquals([tries, lines.with("ignores its signal").length], [1, 1]);
  });
});
