import { it } from "node:test";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { eventually } from "../../support/poll.ts";
import { behaviour } from "../behaviour.ts";
import { running } from "../stage.ts";

behaviour("a deployment that adds a task", (stage) => {
  it("succeeds among two old workers and a new one: tasks of the new name are handed over, at the cost of no try", async () => {
    const queueName = stage.newQueue();
    const [first, second, newer] = [
      await stage.worker({ queueName }),
      await stage.worker({ queueName }),
      await stage.worker({ queueName }),
    ];
    for (const worker of [first, second, newer]) worker.task(() => "old", { name: "old" });
    const tries: number[] = [];
    const added = newer.task(function added(n: number) {
      tries.push(n);
      return n;
    }, { maxTries: 1, expire: "1m" });
    const runs = [first, second, newer].map((worker) => running(worker));
    const tasks = await newer.enqueueMany(Array.from({ length: 500 }, (_, n) => added.enqueue(n)));
    const results = await Promise.all(tasks.map((task) => task.result({ timeout: "60s" })));
    assertEquals(results.filter(({ success }) => success).length, 500);
    assertEquals([...new Set(results.map(({ tries }) => tries))], [1]);
    assertEquals(tries.length, 500);
    await Promise.all(runs.map((run) => run.stop()));
    await stage.assertClean(newer);
  });

  for (const means of ["task", "include"] as const) {
    it(`hands tasks over to a worker that registers their name while it runs, by ${means}()`, async () => {
      const queueName = stage.newQueue();
      // Without a notice the name would be recorded after minutes.
      const workers = [await stage.worker({ queueName }), await stage.worker({ queueName })] as const;
      const runs = workers.map((worker) => running(worker));
      for (const worker of workers) {
        const ready = worker.task(() => worker.id, { name: `ready-${worker.id}` });
        await eventually(async () => (await (await ready.enqueue()).result({ timeout: "5s" })).success, {
          timeout: 20_000,
        });
      }
      const [newer] = workers;
      const owner = means === "task" ? newer : await stage.worker({ queueName });
      const added = owner.task((n: number) => n, { name: "added" });
      if (means === "include") newer.include(owner);
      await eventually(async () => {
        const tasks = await newer.enqueueMany(Array.from({ length: 40 }, (_, n) => added.enqueue(n)));
        const results = await Promise.all(tasks.map((task) => task.result({ timeout: "5s" })));
        return results.every(({ success }) => success);
      }, { timeout: 15_000 });
      await Promise.all(runs.map((run) => run.stop()));
      await stage.assertClean(newer);
    });
  }

  it("fails a task whose name no living worker has registered", async () => {
    const queueName = stage.newQueue();
    const [worker, other] = [await stage.worker({ queueName }), await stage.worker({ queueName })];
    const runs = [worker, other].map((each) => running(each));
    const result = await (await worker.enqueueUnsafe("nobody")).result({ timeout: "20s" });
    assert(!result.success);
    assertStringIncludes(result.exception.message, "no task of this name is registered");
    await Promise.all(runs.map((run) => run.stop()));
    await eventually(async () => assertEquals(await worker.queueSize(), 0));
  });
});
