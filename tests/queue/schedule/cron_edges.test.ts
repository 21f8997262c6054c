import { it } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { StreaqError, StreaqRetry } from "../../../src/base/errors.ts";
import { taskContext } from "../../../src/queue/context/task_context.ts";
import { occurrenceId } from "../../../src/queue/schedule/occurrence.ts";
import { richSerializer } from "../../../src/queue/records/rich_serializer.ts";
import { eventually } from "../../support/poll.ts";
import { behaviour } from "../behaviour.ts";
import { running, sleep } from "../stage.ts";

behaviour("a job that repeats", (stage) => {
  it("is withdrawn with the occurrence that is queued behind other work, though the one after it is there", async () => {
    const worker = await stage.worker({ concurrency: 1 });
    const runs: string[] = [];
    let finish = () => {};
    const finished = new Promise<void>((resolve) => finish = resolve);
    const hold = worker.task(() => finished, { name: "hold" });
    const job = worker.task(() => void runs.push(taskContext().taskId), { name: "job" });
    const run = running(worker);
    await hold.enqueue();
    await eventually(() => worker.running === 1);
    const task = await job.enqueue().start({ schedule: "* * * * * *" });
    await eventually(async () => (await worker.getTasksByStatus("queued")).length > 0);
    await sleep(100);
    assertEquals(await task.unschedule(), true);
    finish();
    await sleep(500);
    assertEquals(runs, []);
    await run.stop();
    await stage.assertClean(worker);
  });

  it("that an occurrence of was aborted goes on: queued, running, or waiting to be tried again", async () => {
    const worker = await stage.worker();
    const starts: string[] = [];
    let what: "wait" | "retry" | "done" = "wait";
    worker.cron("* * * * * *", async () => {
      const { taskId, signal } = taskContext();
      starts.push(taskId);
      if (what === "retry") throw new StreaqRetry("later", { delay: "1h" });
      if (what === "wait") await sleep(10_000, signal);
    }, { name: "job", unique: false });
    const run = running(worker);
    await eventually(async () => (await worker.schedules()).length === 1);
    const [next] = await worker.getTasksByStatus("scheduled");
    assertEquals(await worker.abortById(next!.taskId), true);
    await eventually(() => starts.length === 1);
    what = "retry";
    assertEquals([starts.includes(next!.taskId), await worker.abortById(starts[0]!)], [false, true]);
    await eventually(() => starts.length === 2);
    what = "done";
    await eventually(async () => await worker.statusById(starts[1]!) === "scheduled");
    assertEquals(await worker.abortById(starts[1]!), true);
    await eventually(() => starts.length === 4);
    assertEquals(new Set(starts).size, 4);
    await run.stop();
    await worker.unscheduleById("job");
    await stage.assertClean(worker);
  });

  it("may be tried again across the next occurrence", async () => {
    const worker = await stage.worker();
    const runs: string[] = [];
    worker.cron("* * * * * *", () => {
      const { taskId, tries } = taskContext();
      runs.push(`${taskId} ${tries}`);
      if (runs.length === 1) throw new StreaqRetry("later", { delay: 1500 });
    }, { name: "job" });
    const run = running(worker);
    await eventually(() => runs.some((text) => text.endsWith(" 2")), { timeout: 8000 });
    await run.stop();
    const first = runs[0]!.split(" ")[0]!;
    assertEquals(runs.filter((text) => text.startsWith(first)), [`${first} 1`, `${first} 2`]);
    assertEquals((await worker.resultById(first)).success, true);
  });

  it("may have any id", async () => {
    const worker = await stage.worker();
    const runs: string[] = [];
    const job = worker.task((id: string) => void runs.push(id), { name: "job" });
    const ids = ["two words", "a:b:c", " ", "🦊", "d normal:UTC x", "a\nb", "*", "%s", "__proto__", "{x}"];
    for (const id of ids) await job.enqueue(id).start({ schedule: "* * * * * *", id });
    assertEquals((await worker.schedules()).map(({ id }) => id).sort(), [...ids].sort());
    const run = running(worker);
    await eventually(() => ids.every((id) => runs.filter((ran) => ran === id).length > 1), { timeout: 8000 });
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
    await eventually(() => dates.length > 1 && runs > 1, { timeout: 6000 });
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
      timeout: 8000,
    });
    await run.stop();
    for (const ids of runs.values()) assertEquals(new Set(ids).size, ids.length);
    assertEquals(worker.counters.failed, 0);
  });

  it("by the thousand at the same second runs once each, while delayed tasks are on time", async () => {
    const queueName = stage.newQueue();
    const runs: string[] = [];
    const make = async () => {
      const worker = await stage.worker({ queueName, concurrency: 50 });
      for (let i = 0; i < 1000; i++) {
        worker.cron("*/5 * * * * *", () => void runs.push(taskContext().taskId), { name: `job-${i}`, unique: false });
      }
      const plain = worker.task(() => Date.now(), { name: "plain" });
      return { worker, plain };
    };
    const [one, two] = [await make(), await make()];
    const all = [running(one.worker), running(two.worker)];
    const start = Date.now();
    const delayed = await one.plain.enqueue().start({ delay: 100 });
    const ran = (await delayed.result({ timeout: "9s" })).result! - start;
    await eventually(() => runs.length >= 2000, { timeout: 25_000 });
    await Promise.all(all.map((run) => run.stop()));
    assertEquals(new Set(runs).size, runs.length);
    assert(ran < 2000, `a delayed task ran after ${ran} ms`);
  });
});

behaviour("start() with a time", (stage) => {
  it("that is called again lets the last one count, and changes nothing when it is refused", async () => {
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
    await sleep(20);
    await worker.run({ burst: true });
    assertEquals([await soon.status(), await dated.status()], ["done", "done"]);
  });

  it("in a batch with others fails alone", async () => {
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

  it("by the thousand in one batch schedules all", async () => {
    const worker = await stage.worker();
    const job = worker.task((n: number) => n, { name: "job" });
    const requests = Array.from({ length: 3000 }, (_, n) => job.enqueue(n).start({ schedule: "@yearly" }));
    await worker.enqueueMany(requests);
    assertEquals((await worker.schedules({ limit: 10_000 })).length, 3000);
  });
});

behaviour("a burst", (stage) => {
  it("ends beside cron jobs, and runs what is due", async () => {
    const worker = await stage.worker();
    let runs = 0;
    worker.cron("* * * * * *", () => void runs++, { name: "job" });
    const job = worker.task(() => 1, { name: "plain" });
    const due = await job.enqueue().start({ delay: 50 });
    const later = await job.enqueue().start({ delay: "1h" });
    await sleep(60);
    await worker.run({ burst: true });
    assertEquals([await due.status(), await later.status()], ["done", "scheduled"]);
    assert(runs <= 1);
    assertEquals((await worker.schedules()).length, 1);
    assert(occurrenceId("job", 1).length === 32);
  });
});
