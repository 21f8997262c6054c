import { it } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { StreaqError, StreaqRetry } from "../../../src/base/errors.ts";
import { TaskStatus } from "../../../src/queue/inspect/task_status.ts";
import type { Worker } from "../../../src/queue/worker.ts";
import { eventually } from "../../support/poll.ts";
import { gate } from "../../support/promises.ts";
import { behaviour } from "../behaviour.ts";
import { running } from "../stage.ts";

type Open = "queued" | "running" | "scheduled";

async function ids(worker: Worker, status: Open, options?: { limit?: number; priority?: string }): Promise<string[]> {
  return (await worker.getTasksByStatus(status, options)).map(({ taskId }) => taskId);
}

behaviour("getTasksByStatus()", (stage) => {
  it("lists queued tasks, from highest to lowest priority and oldest first", async () => {
    const worker = await stage.worker({ priorities: ["low", "high"] });
    const job = worker.task((n: number) => n, { name: "job" });
    await worker.enqueueMany([
      job.enqueue(1).start({ id: "l1" }),
      job.enqueue(2).start({ id: "h1", priority: "high" }),
      job.enqueue(3).start({ id: "l2" }),
    ]);
    assertEquals(await ids(worker, "queued"), ["h1", "l1", "l2"]);
    assertEquals(await ids(worker, "queued", { limit: 2 }), ["h1", "l1"]);
    assertEquals(await ids(worker, "queued", { priority: "low" }), ["l1", "l2"]);
    assertEquals([await ids(worker, "running"), await ids(worker, "scheduled")], [[], []]);
    const [first] = await worker.getTasksByStatus(TaskStatus.Queued, { limit: 1 });
    assertEquals([first?.fnName, first?.args, first?.tries, first?.status], ["job", [2], 0, "queued"]);
    assertEquals(await worker.queueSize(), 3);
  });

  it("lists running tasks, pending retries, and results with the most recent first", async () => {
    const worker = await stage.worker({ concurrency: 2 });
    const gates = [gate(), gate(), gate()];
    const gated = worker.task(async function gated(index: number) {
      await gates[index]!.opened;
    });
    const again = worker.task(function again(): void {
      throw new StreaqRetry("later", { delay: "1h" });
    });
    const run = running(worker);
    const later = await again.enqueue();
    await eventually(async () => await later.status() === "scheduled");
    const tasks = await worker.enqueueMany([gated.enqueue(0), gated.enqueue(1), gated.enqueue(2)]);
    const [one, two, three] = tasks;
    await eventually(async () => (await ids(worker, "running")).length === 2);
    assertEquals(new Set(await ids(worker, "running")), new Set([one.id, two.id]));
    assertEquals(await ids(worker, "queued"), [three.id]);
    const [scheduled] = await worker.getTasksByStatus("scheduled");
    assertEquals([scheduled?.taskId, scheduled?.tries], [later.id, 1]);
    assert(Math.abs(scheduled!.scheduled!.getTime() - Date.now() - 3_600_000) < 60_000);
    assertEquals([await worker.queueSize(), await worker.queueSize({ includeScheduled: false })], [4, 3]);
    for (const [i, task] of tasks.entries()) {
      gates[i]!.open();
      await task.result();
    }
    const results = await worker.getTasksByStatus(TaskStatus.Done);
    assertEquals(results.map(({ taskId }) => taskId), [three.id, two.id, one.id]);
    assertEquals(results.map(({ success }) => success), [true, true, true]);
    assertEquals((await worker.getTasksByStatus("done", { limit: 1 })).map(({ taskId }) => taskId), [three.id]);
    await later.abort();
    assertEquals((await worker.getTasksByStatus("done"))[0]?.exception?.name, "StreaqCancelled");
    assertEquals(await worker.queueSize(), 0);
    await run.stop();
  });

  it("neither lists nor counts a task that was aborted before a worker has read it", async () => {
    const worker = await stage.worker();
    const job = worker.task(() => 1, { name: "job" });
    const [gone, left] = await worker.enqueueMany([job.enqueue(), job.enqueue()]);
    assertEquals(await gone.abort(), true);
    assertEquals([await ids(worker, "queued"), await worker.queueSize()], [[left.id], 1]);
    await worker.run({ burst: true });
    assertEquals([worker.counters.completed, await worker.queueSize()], [1, 0]);
    await stage.assertClean(worker);
  });

  it("leaves out results that are not kept, or have expired", async () => {
    const worker = await stage.worker();
    const brief = worker.task(() => 1, { name: "brief", ttl: 50 });
    const none = worker.task(() => 2, { name: "none", ttl: 0 });
    const kept = worker.task(() => 3, { name: "kept" });
    await worker.enqueueMany([brief.enqueue(), none.enqueue(), kept.enqueue()]);
    await worker.run({ burst: true });
    await eventually(async () => (await worker.getTasksByStatus("done")).length === 1);
    assertEquals((await worker.getTasksByStatus("done")).map(({ fnName }) => fnName), ["kept"]);
  });

  it("lists tasks whose record it cannot read", async () => {
    const producer = await stage.worker({
      serializer: {
        serialize: (value) => Object.hasOwn(value as object, "f") ? "garbage" : JSON.stringify(value),
        deserialize: (data) => JSON.parse(new TextDecoder().decode(data)),
      },
    });
    await producer.task(() => 1, { name: "job" }).enqueue().start({ id: "odd" });
    const worker = await stage.worker({ queueName: producer.queueName });
    const [odd] = await worker.getTasksByStatus("queued");
    assertEquals([odd?.taskId, odd?.fnName, odd?.args], ["odd", "Unknown", []]);
    await worker.run({ burst: true });
    assertEquals((await worker.getTasksByStatus("done")).map(({ taskId }) => taskId), ["odd"]);
  });

  it("refuses an invalid status, limit or priority", async () => {
    const worker = await stage.worker();
    await assertRejects(() => worker.getTasksByStatus("missing" as "done"), StreaqError, "missing");
    await assertRejects(() => worker.getTasksByStatus("nothing" as "done"), StreaqError, "nothing");
    for (const limit of [0, -1, 1.5, 10_001, NaN]) {
      await assertRejects(() => worker.getTasksByStatus("queued", { limit }), RangeError, String(limit));
    }
    await assertRejects(() => worker.getTasksByStatus("queued", { priority: "none" }), StreaqError, "none");
  });
});
