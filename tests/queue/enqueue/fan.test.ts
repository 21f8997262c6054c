import { it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { taskContext } from "../../../src/queue/context/task_context.ts";
import { isTuple, tuple } from "../../../src/queue/tasks/tuple.ts";
import { behaviour } from "../behaviour.ts";
import { running } from "../stage.ts";

behaviour("fan-out from a task", (stage) => {
  it("maps and filters piped data with any registered task, by name", async () => {
    const worker = await stage.worker({ concurrency: 16 });
    const double = worker.task((value: number) => value * 2, { name: "double" });
    const isEven = worker.task((value: number) => value % 2 === 0, { name: "isEven" });
    const add = worker.task((a: number, b: number) => a + b, { name: "add" });
    const call = async (to: string, data: readonly unknown[]) => {
      const task = worker.registry.get(to)!;
      const requests = data.map((item) => task.enqueue(...isTuple(item) ? item : [item]));
      const tasks = await worker.enqueueMany(requests);
      return await Promise.all(tasks.map(async (task) => (await task.result({ timeout: "5s" })).result));
    };
    const map = worker.task(async (data: unknown[], { to }: { to: string }) => await call(to, data), { name: "map" });
    const filter = worker.task(async (data: unknown[], { by }: { by: string }) => {
      const kept = await call(by, data);
      return data.filter((_, i) => kept[i]);
    }, { name: "filter" });
    const run = running(worker);
    const data = [0, 1, 2, 3];
    const requests = [
      map.enqueue(data, { to: double.fnName }).pipe(filter, { by: isEven.fnName }),
      filter.enqueue(data, { by: isEven.fnName }).pipe(map, { to: double.fnName }),
    ];
    const tasks = await Promise.all(requests);
    const results = await Promise.all(tasks.map((task) => task.result()));
    assertEquals(results.map(({ result }) => result), [[0, 2, 4, 6], [0, 4]]);
    assertEquals(await call(add.fnName, [tuple(1, 2), tuple(3, 4)]), [3, 7]);
    await run.stop();
    await stage.assertClean(worker);
  });

  for (const [count, concurrency] of [[200, 1], [1000, 32]] as const) {
    it(`enqueues ${count} tasks, and one that depends on all of them, with concurrency ${concurrency}`, async () => {
      const worker = await stage.worker({ concurrency });
      const ran: string[] = [];
      const work = worker.task((n: number) => {
        ran.push(`work ${n}`);
        return n;
      }, { name: "work", silent: true });
      const gather = worker.task(async (ids: string[]) => {
        ran.push("gather");
        const results = await Promise.all(ids.map((id) => worker.resultById<number>(id)));
        return results.reduce((sum, { result }) => sum + result!, 0);
      }, { name: "gather" });
      const scatter = worker.task(async (count: number) => {
        // With free slots the first tasks can finish before the last ones are sent.
        ran.push("scatter");
        const tasks = await worker.enqueueMany(Array.from({ length: count }, (_, i) => work.enqueue(i)));
        const ids = tasks.map(({ id }) => id);
        // The gathering task takes no slot before its dependencies have succeeded.
        return (await gather.enqueue(ids).start({ after: ids })).id;
      }, { name: "scatter" });
      const task = await scatter.enqueue(count);
      await worker.run({ burst: true });
      const { result, tries } = await worker.resultById<number>(await task.value());
      assertEquals([result, tries], [count * (count - 1) / 2, 1]);
      assertEquals([ran[0], ran.length, ran.at(-1)], ["scatter", count + 2, "gather"]);
      assertEquals([worker.counters.completed, await worker.queueSize()], [count + 2, 0]);
      await stage.assertClean(worker);
    });
  }

  it("lets the task enqueue its own dependent, which runs once the task has succeeded", async () => {
    const worker = await stage.worker({ concurrency: 1 });
    const ran: string[] = [];
    const follow = worker.task(() => void ran.push("follow"), { name: "follow" });
    const lead = worker.task(async () => {
      const next = await follow.enqueue().start({ after: taskContext().taskId });
      ran.push(await next.status());
      return next.id;
    }, { name: "lead" });
    const task = await lead.enqueue();
    await worker.run({ burst: true });
    assertEquals(ran, ["scheduled", "follow"]);
    assert((await worker.resultById(await task.value())).success);
    await stage.assertClean(worker);
  });

  it("lets the task wait for a task that it has enqueued, in a burst too", async () => {
    const worker = await stage.worker({ concurrency: 2 });
    const double = worker.task((value: number) => value * 2, { name: "double" });
    const outer = worker.task(async () => {
      const task = await double.enqueue(21);
      return (await task.result({ timeout: "10s" })).result;
    }, { name: "outer" });
    const task = await outer.enqueue();
    await worker.run({ burst: true });
    assertEquals((await task.result()).result, 42);
    await stage.assertClean(worker);
  });

  it("fails the gathering task and its pipeline when one of 1,000 tasks fails, and the burst still resolves", async () => {
    const worker = await stage.worker({ concurrency: 8 });
    const ran: number[] = [];
    const work = worker.task((n: number) => {
      if (n === 500) throw new RangeError("500");
      ran.push(n);
    }, { name: "work", silent: true });
    const gather = worker.task(() => void ran.push(-1), { name: "gather" });
    const report = worker.task(() => void ran.push(-2), { name: "report" });
    const tasks = await worker.enqueueMany(Array.from({ length: 1000 }, (_, i) => work.enqueue(i)));
    const gathered = gather.enqueue().start({ after: tasks.map(({ id }) => id) });
    const last = await gathered.pipe(report);
    await worker.run({ burst: true });
    for (const id of [gathered.id, last.id]) {
      assertEquals(await worker.statusById(id), "done");
      const { exception } = await worker.resultById(id);
      assertEquals(exception!.message, `Task ${id} was not run: task ${tasks[500]!.id}, on which it depends, failed`);
    }
    assertEquals([ran.length, ran.filter((n) => n < 0), await worker.queueSize()], [999, [], 0]);
    await stage.assertClean(worker);
  });
});
