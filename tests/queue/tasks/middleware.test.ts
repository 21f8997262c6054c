import { it } from "node:test";
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { StreaqRetry } from "../../../src/base/errors.ts";
import { taskContext, workerContext } from "../../../src/queue/context/task_context.ts";
import { behaviour } from "../behaviour.ts";

behaviour("middleware()", (stage) => {
  it("wraps every task, and the middleware that was registered first is outermost", async () => {
    const seen: string[] = [];
    const worker = await stage.worker();
    for (const name of ["outer", "inner"]) {
      worker.middleware((next) => async (...args) => {
        seen.push(`${name} in`);
        try {
          return await next(...args);
        } finally {
          seen.push(`${name} out`);
        }
      });
    }
    const task = worker.task(() => void seen.push("task"), { name: "task" });
    await task.enqueue();
    await worker.run({ burst: true });
    assertEquals(seen, ["outer in", "inner in", "task", "inner out", "outer out"]);
  });

  it("can change arguments and results, or return a result without calling the task", async () => {
    const worker = await stage.worker();
    worker.middleware((next) => async (...args) => {
      const [n] = args as [number];
      return n < 0 ? "refused" : [await next(n + 1)];
    });
    const double = worker.task(async (n: number): Promise<unknown> => await Promise.resolve(2 * n), { name: "double" });
    const tasks = await worker.enqueueMany([double.enqueue(1), double.enqueue(-1)]);
    await worker.run({ burst: true });
    assertEquals(await Promise.all(tasks.map(async (task) => (await task.result()).result)), [[4], "refused"]);
  });

  it("can use the context of the task and that of the worker", async () => {
    const worker = await stage.worker({
      lifespan: async function* () {
        yield { tenant: "acme" };
      },
    });
    worker.middleware((next) => async (...args) => {
      const { tenant } = workerContext<{ tenant: string }>();
      return [tenant, worker.context.tenant, taskContext().fnName, await next(...args)];
    });
    const task = await worker.task((): unknown => 1, { name: "one" }).enqueue();
    await worker.run({ burst: true });
    assertEquals((await task.result()).result, ["acme", "acme", "one", 1]);
  });

  it("can ask for a retry, and fails the task with any other error", async () => {
    const worker = await stage.worker();
    worker.middleware((next) => async (...args) => {
      if (args[0] === "fail") throw new RangeError("refused");
      if (taskContext().tries === 1) throw new StreaqRetry("not yet", { delay: 0 });
      return await next(...args);
    });
    const tries = worker.task((_mode: string) => taskContext().tries, { name: "tries" });
    const [again, failed] = await worker.enqueueMany([tries.enqueue("retry"), tries.enqueue("fail")]);
    await worker.run({ burst: true });
    assertEquals((await again.result()).result, 2);
    assertEquals((await failed.result()).exception!.message, "refused");
  });

  it("is composed once per task and run, however often the task runs", async () => {
    let composed = 0;
    const worker = await stage.worker();
    worker.middleware((next) => {
      composed++;
      return next;
    });
    const one = worker.task(() => 1, { name: "one" });
    const two = worker.task(() => 2, { name: "two" });
    await worker.enqueueMany([one.enqueue(), one.enqueue(), two.enqueue(), one.enqueue()]);
    await worker.run({ burst: true });
    assertEquals([composed, worker.counters.completed], [2, 4]);
  });

  it("does not apply to a task that is called directly", async () => {
    const worker = await stage.worker();
    worker.middleware(() => async () => await Promise.resolve("wrapped"));
    assertEquals(await worker.task(() => "plain", { name: "plain" })(), "plain");
  });

  it("is refused when it is not a function, and fails the task when it does not return one", async () => {
    const worker = await stage.worker();
    assertThrows(() => worker.middleware("no" as never), TypeError, "string");
    worker.middleware(() => undefined as never);
    const task = await worker.task(() => 1, { name: "one" }).enqueue();
    await worker.run({ burst: true });
    await assertRejects(
      async () => {
        throw (await task.result()).exception;
      },
      TypeError,
      "Cannot use middleware: expected it to return a function, got undefined",
    );
  });
});
