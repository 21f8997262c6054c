import { assertEquals } from "@std/assert";
import { it } from "node:test";
import { taskContext } from "../../../src/queue/context/task_context.ts";
import { behaviour } from "../behaviour.ts";
import { running } from "../stage.ts";

behaviour("tasks that are retried", (stage) => {
  it("give their new result to a producer that waits at once, never the earlier failure", async () => {
    const worker = await stage.worker();
    const producer = await stage.worker({ queueName: worker.queueName });
    const failed = new Set<string>();
    const fragile = worker.task("fragile", (value: number) => {
      const { taskId } = taskContext();
      if (failed.has(taskId)) return value;
      failed.add(taskId);
      throw new Error("broken");
    }, { silent: true });
    const remote = producer.stub<typeof fragile>("fragile");
    const run = running(worker);
    const values = await Promise.all(Array.from({ length: 300 }, async (_, n) => {
      const task = await remote.enqueue(n);
      // Half of the failures arrive before anything waits for them.
      if (n % 2) assertEquals((await task.result()).success, false);
      while (!await task.retry());
      return await task.value();
    }));
    assertEquals(values, values.map((_, n) => n));
    await run.stop();
    await stage.assertClean(worker);
  });

  it("come back by a filter together, also more than 1,000 that failed with one", async () => {
    const worker = await stage.worker({ concurrency: 100 });
    let isBroken = true;
    const fragile = worker.task("fragile", (value: number) => {
      if (isBroken) throw new Error("broken");
      return value;
    }, { silent: true });
    const root = await fragile.enqueue(0);
    const after = Array.from({ length: 1500 }, (_, n) => fragile.enqueue(n).start({ after: root.id }));
    const tasks = await worker.enqueueMany(after);
    await worker.drain();
    assertEquals((await tasks.at(-1)!.result()).success, false);
    assertEquals(await worker.countFailures(), 1501);
    isBroken = false;
    assertEquals(await worker.retryFailed({}), 1501);
    await worker.drain();
    assertEquals(await Promise.all(tasks.map((task) => task.value())), [...tasks.keys()]);
    assertEquals(await worker.countFailures(), 0);
    await stage.assertClean(worker);
  });
});
