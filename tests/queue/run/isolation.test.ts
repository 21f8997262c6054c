import { AsyncLocalStorage } from "node:async_hooks";
import { it } from "node:test";
import { assertEquals } from "@std/assert";
import { taskContext } from "../../../src/queue/context/task_context.ts";
import { eventually } from "../../support/poll.ts";
import { behaviour } from "../behaviour.ts";
import { Lines, running } from "../stage.ts";

behaviour("a task", (stage) => {
  it("does not see what an earlier task has entered into an AsyncLocalStorage", async () => {
    const worker = await stage.worker({ concurrency: 2 });
    const tenants = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    const job = worker.task(async function job(tenant: string) {
      seen.push(tenants.getStore());
      tenants.enterWith(tenant);
      await Promise.resolve();
      return tenants.getStore();
    });
    worker.middleware((next) => async (...args) => {
      seen.push(tenants.getStore());
      return await next(...args);
    });
    const tasks = await worker.enqueueMany(["a", "b", "c", "d", "e"].map((tenant) => job.enqueue(tenant)));
    await worker.run({ burst: true });
    const results = await Promise.all(tasks.map((task) => task.result()));
    assertEquals(results.map((result) => result.success && result.result), ["a", "b", "c", "d", "e"]);
    assertEquals(seen, new Array(10).fill(undefined));
  });

  it("may add listeners to its signal: they run in its scope, and the worker survives what they throw", async () => {
    const lines = new Lines();
    const worker = await stage.worker({ logger: lines });
    const heard: string[] = [];
    const job = worker.task(async function job() {
      const { signal, taskId } = taskContext();
      const removed = () => void heard.push("removed");
      const object = { handleEvent: (event: Event) => void heard.push(`object ${event.type}`) };
      signal.addEventListener("abort", () => void heard.push(`${taskContext().taskId === taskId}`));
      signal.addEventListener("abort", () => {
        throw new Error("listener broke");
      });
      signal.addEventListener("abort", () => Promise.reject(new Error("async listener broke")));
      signal.addEventListener("abort", object, { once: true });
      signal.addEventListener("abort", removed);
      signal.removeEventListener("abort", removed);
      signal.onabort = () => {
        heard.push("onabort");
        throw new Error("onabort broke");
      };
      await new Promise<void>((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason));
      });
    });
    const run = running(worker);
    const task = await job.enqueue();
    await eventually(() => worker.running === 1);
    await eventually(async () => await task.status() === "running");
    assertEquals(await task.abort(), true);
    await eventually(() => worker.running === 0);
    assertEquals(heard, ["true", "object abort", "onabort"]);
    await eventually(() => lines.with("has an abort listener that failed").length === 3);
    for (const text of ["listener broke", "async listener broke", "onabort broke"]) {
      assertEquals(lines.with(`Error: ${text}`).length, 1, text);
    }
    const next = worker.task(() => "alive", { name: "next" });
    assertEquals((await (await next.enqueue()).result({ timeout: "5s" })).success, true);
    await run.stop();
  });
});
