import { it } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { StreaqError, StreaqRetry } from "../../../src/base/errors.ts";
import { taskContext } from "../../../src/queue/context/task_context.ts";
import { occurrenceId } from "../../../src/queue/schedule/occurrence.ts";
import { richSerializer } from "../../../src/queue/records/rich_serializer.ts";
import { eventually } from "../../support/poll.ts";
import { gate } from "../../support/promises.ts";
import { behaviour } from "../behaviour.ts";
import { clockPasses, running, untilAborted } from "../stage.ts";

behaviour("a job with a schedule", (stage) => {
  it("is unscheduled together with an occurrence that waits for a slot, and with the next one", async () => {
    const worker = await stage.worker({ concurrency: 1 });
    const runs: string[] = [];
    const { open, opened } = gate();
    const hold = worker.task(() => opened, { name: "hold" });
    const job = worker.task(() => void runs.push(taskContext().taskId), { name: "job" });
    const run = running(worker);
    await hold.enqueue();
    await eventually(() => worker.running === 1);
    const task = await job.enqueue().start({ schedule: "* * * * * *" });
    for (const status of ["queued", "scheduled"] as const) {
      await eventually(async () => (await worker.getTasksByStatus(status)).length > 0);
    }
    assertEquals(await task.unschedule(), true);
    const last = await hold.enqueue();
    open();
    await last.result();
    assertEquals(runs, []);
    await run.stop();
    await stage.assertClean(worker);
  });

  it("continues after occurrences were aborted while scheduled, running and waiting for a retry", async () => {
    const worker = await stage.worker();
    const starts: string[] = [];
    worker.cron("* * * * * *", async () => {
      const { taskId, signal } = taskContext();
      const count = starts.push(taskId);
      if (count === 1) await untilAborted(signal);
      if (count === 2) throw new StreaqRetry("later", { delay: "1h" });
    }, { name: "job", unique: false });
    // Early in a second, so that the first occurrence can be aborted before it is due.
    await eventually(() => Date.now() % 1000 < 200);
    const run = running(worker);
    await eventually(async () => (await worker.schedules()).length === 1);
    const [next] = await worker.getTasksByStatus("scheduled");
    assertEquals(await worker.abortById(next!.taskId), true);
    await eventually(() => starts.length >= 1);
    assertEquals([starts.includes(next!.taskId), await worker.abortById(starts[0]!)], [false, true]);
    await eventually(async () => starts.length >= 2 && await worker.statusById(starts[1]!) === "scheduled");
    assertEquals(await worker.abortById(starts[1]!), true);
    await eventually(() => starts.length >= 4);
    await run.stop();
    assertEquals(new Set(starts).size, starts.length);
    await worker.unscheduleById("job");
    await stage.assertClean(worker);
  });

  it("can be retried across the next occurrence", async () => {
    const worker = await stage.worker();
    const runs: string[] = [];
    worker.cron("* * * * * *", () => {
      const { taskId, tries } = taskContext();
      runs.push(`${taskId} ${tries}`);
      if (runs.length === 1) throw new StreaqRetry("later", { delay: 1500 });
    }, { name: "job" });
    const run = running(worker);
    await eventually(() => runs.some((text) => text.endsWith(" 2")), { timeout: 20_000 });
    await run.stop();
    const first = runs[0]!.split(" ")[0]!;
    assertEquals(runs.filter((text) => text.startsWith(first)), [`${first} 1`, `${first} 2`]);
    assertEquals((await worker.resultById(first)).success, true);
  });

  it("can have any id", async () => {
    const worker = await stage.worker();
    const runs: string[] = [];
    const job = worker.task((id: string) => void runs.push(id), { name: "job" });
    const ids = ["two words", "a:b:c", " ", "🦊", "d normal:UTC x", "a\nb", "*", "%s", "__proto__", "{x}"];
    for (const id of ids) await job.enqueue(id).start({ schedule: "* * * * * *", id });
    assertEquals((await worker.schedules()).map(({ id }) => id).sort(), [...ids].sort());
    const run = running(worker);
    await eventually(() => ids.every((id) => runs.filter((ran) => ran === id).length > 1), { timeout: 20_000 });
    for (const id of ids) assertEquals(await worker.unscheduleById(id), true, id);
    await run.stop();
    assertEquals(await worker.schedules(), []);
  });

  it("works with a signing secret and a serializer", async () => {
    const worker = await stage.worker({ signingSecret: "s".repeat(32), serializer: richSerializer });
    const dates: Date[] = [];
    let runs = 0;
    worker.cron("* * * * * *", () => void runs++, { name: "cron" });
    const job = worker.task((date: Date) => void dates.push(date), { name: "job" });
    await job.enqueue(new Date(5)).start({ schedule: "* * * * * *" });
    const run = running(worker);
    await eventually(() => dates.length > 1 && runs > 1, { timeout: 20_000 });
    await run.stop();
    assertEquals(dates[1], new Date(5));
  });

  it("runs with maxTries 1, expire, and ttl 0", async () => {
    const worker = await stage.worker();
    const runs = new Map<string, string[]>();
    const note = (name: string) => () => void runs.set(name, [...runs.get(name) ?? [], taskContext().taskId]);
    worker.cron("* * * * * *", note("once"), { name: "once", maxTries: 1 });
    worker.cron("* * * * * *", note("expiring"), { name: "expiring", expire: "1s" });
    worker.cron("* * * * * *", note("gone"), { name: "gone", ttl: 0 });
    const run = running(worker);
    await eventually(() => ["once", "expiring", "gone"].every((name) => (runs.get(name) ?? []).length > 2), {
      timeout: 20_000,
    });
    await run.stop();
    for (const ids of runs.values()) assertEquals(new Set(ids).size, ids.length);
    assertEquals(worker.counters.failed, 0);
  });

  it("runs once among 1,000 of the same second, and lets a delayed task run before the next occurrences", async () => {
    const queueName = stage.newQueue();
    const runs: string[] = [];
    const make = async () => {
      const worker = await stage.worker({ queueName, concurrency: 50 });
      for (let i = 0; i < 1000; i++) {
        worker.cron("*/5 * * * * *", () => void runs.push(taskContext().taskId), { name: `job-${i}`, unique: false });
      }
      const plain = worker.task(() => runs.length, { name: "plain" });
      return { worker, plain };
    };
    const [one, two] = [await make(), await make()];
    const all = [running(one.worker), running(two.worker)];
    // The delayed task is due while the first occurrences run.
    const first = Math.ceil(Date.now() / 5000) * 5000;
    const delayed = await one.plain.enqueue().start({ schedule: new Date(first + 50) });
    await eventually(() => runs.length >= 2000, { timeout: 40_000 });
    const before = await delayed.value();
    await Promise.all(all.map((run) => run.stop()));
    assertEquals(new Set(runs).size, runs.length);
    assert(before <= 1000, `a delayed task ran after ${before} occurrences`);
  });
});

behaviour("start() with a time", (stage) => {
  it("replaces the time of an earlier call, and changes nothing if it is refused", async () => {
    const worker = await stage.worker();
    const job = worker.task(() => 1, { name: "job" });
    const soon = await job.enqueue().start({ schedule: "@yearly" }).start({ delay: 1 });
    assertEquals(await worker.schedules(), []);
    const dated = await job.enqueue().start({ schedule: "@yearly" }).start({ schedule: new Date(0) });
    assertEquals(await worker.schedules(), []);
    const repeated = await job.enqueue().start({ delay: 1 }).start({ schedule: "@yearly" });
    assertEquals((await worker.schedules()).map(({ id }) => id), [repeated.id]);
    const request = job.enqueue().start({ delay: "1h" });
    const { id } = request;
    assertThrows(() => request.start({ id: "other", schedule: "never" }), StreaqError);
    assertThrows(() => request.start({ id: "other", delay: -1 }), RangeError);
    assertEquals([request.id, (await request).id, await request.status()], [id, id, "scheduled"]);
    await clockPasses(Date.now() + 1);
    await worker.run({ burst: true });
    assertEquals([await soon.status(), await dated.status()], ["done", "done"]);
  });

  it("schedules one task for a request that is twice in a batch, and none for one that is too large", async () => {
    const worker = await stage.worker({ maxPayload: 1000 });
    const job = worker.task((text: string) => text, { name: "job" });
    const request = job.enqueue("twice").start({ schedule: "@yearly" });
    const tasks = await worker.enqueueMany([
      request,
      job.enqueue("plain"),
      request,
      job.enqueue("x").start({ delay: "1h" }),
    ]);
    assertEquals([tasks[0]!.id, (await worker.schedules()).length], [tasks[2]!.id, 1]);
    const bad = [job.enqueue("y".repeat(2000)).start({ schedule: "@daily" }), job.enqueue("z").start({ delay: "1h" })];
    let failure: unknown;
    await worker.enqueueMany(bad).catch((error) => failure = error);
    assert(failure instanceof StreaqError);
    assertEquals((await worker.schedules()).length, 1);
  });

  it("schedules 3,000 tasks of one batch", async () => {
    const worker = await stage.worker();
    const job = worker.task((n: number) => n, { name: "job" });
    const requests = Array.from({ length: 3000 }, (_, n) => job.enqueue(n).start({ schedule: "@yearly" }));
    await worker.enqueueMany(requests);
    assertEquals((await worker.schedules({ limit: 10_000 })).length, 3000);
  });
});

behaviour("a burst", (stage) => {
  it("resolves although a cron job is scheduled, and runs tasks that are due", async () => {
    const worker = await stage.worker();
    let runs = 0;
    worker.cron("* * * * * *", () => void runs++, { name: "job" });
    const job = worker.task(() => 1, { name: "plain" });
    const due = await job.enqueue().start({ delay: 1 });
    const later = await job.enqueue().start({ delay: "1h" });
    await clockPasses(Date.now() + 1);
    await worker.run({ burst: true });
    assertEquals([await due.status(), await later.status()], ["done", "scheduled"]);
    assert(runs <= 1);
    assertEquals((await worker.schedules()).length, 1);
    assert(occurrenceId("job", 1).length === 32);
  });
});
