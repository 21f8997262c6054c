import { it } from "node:test";
import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { StreaqError } from "../../../src/base/errors.ts";
import { EnqueueError } from "../../../src/queue/enqueue/enqueue_error.ts";
import { eventually } from "../../support/poll.ts";
import { behaviour } from "../behaviour.ts";
import { running } from "../stage.ts";

behaviour("many dependent tasks", (stage) => {
  /** A worker with a task that records its runs, and one that fails. */
  async function setUp() {
    const worker = await stage.worker({ concurrency: 64 });
    const ran: number[] = [];
    const job = worker.task((n: number) => void ran.push(n), { name: "job", silent: true });
    const fail = worker.task(() => {
      throw new RangeError("no");
    }, { name: "fail", silent: true });
    return { worker, ran, job, fail };
  }

  /** Makes requests that each depend on the previous one. */
  function chain(job: Awaited<ReturnType<typeof setUp>>["job"], length: number) {
    let last: string | undefined;
    return Array.from({ length }, (_, i) => {
      const request = job.enqueue(i).start({ after: last });
      last = request.id;
      return request;
    });
  }

  it("can be sent by one enqueueMany(), each after its dependency", async () => {
    const { worker, ran, job } = await setUp();
    const tasks = await worker.enqueueMany(chain(job, 260));
    assertEquals(await worker.queueSize({ includeScheduled: false }), 1);
    await worker.run({ burst: true });
    assertEquals(ran, tasks.map((_, i) => i));
    assertEquals(new Set(await Promise.all(tasks.map((task) => task.status()))), new Set(["done"]));
    await stage.assertClean(worker);
  });

  it("are refused, with their own dependents, if they precede their dependency in the list", async () => {
    const { worker, ran, job } = await setUp();
    const [first, second, third] = chain(job, 3);
    const error = await assertRejects(() => worker.enqueueMany([third!, first!, second!]), EnqueueError, second!.id);
    assertEquals(error.tasks.map(({ id }) => id), [first!.id, second!.id]);
    assertEquals(await third!.status(), "missing");
    // Sending the same list again is safe, and now the missing dependency exists.
    await worker.enqueueMany([third!, first!, second!]);
    await worker.run({ burst: true });
    assertEquals(ran, [0, 1, 2]);
    const orphan = job.enqueue(3).start({ after: "unknown" });
    const child = job.enqueue(4).start({ after: orphan.id });
    const { tasks } = await assertRejects(() => worker.enqueueMany([orphan, child, job.enqueue(5)]), EnqueueError);
    assertEquals([tasks.length, await child.status()], [1, "missing"]);
    await worker.run({ burst: true });
    await stage.assertClean(worker);
  });

  it("can be awaited one by one in the same turn", async () => {
    const { worker, ran, job } = await setUp();
    const tasks = await Promise.all(chain(job, 20));
    await worker.run({ burst: true });
    assertEquals(ran, tasks.map((_, i) => i));
    await stage.assertClean(worker);
  });

  it("can be awaited in the same turn, even if they are too many for one call", async () => {
    const { worker, ran, job } = await setUp();
    const requests = Array.from({ length: 1200 }, (_, i) => job.enqueue(i));
    for (const [i, request] of requests.entries()) {
      if (i >= 400) request.start({ after: requests[i - 400]!.id });
    }
    await Promise.all(requests);
    assertEquals(await worker.queueSize({ includeScheduled: false }), 400);
    await worker.run({ burst: true });
    const order = requests.map((_, i) => ran.indexOf(i));
    assertEquals(order.filter((place, i) => place < (order[i - 400] ?? 0)), []);
    await stage.assertClean(worker);
  });

  it("can be awaited in the same turn after many independent tasks", async () => {
    const { worker, ran, job } = await setUp();
    const requests = Array.from({ length: 600 }, (_, i) => job.enqueue(i));
    const last = job.enqueue(-1).start({ after: [requests[0]!.id, requests[599]!.id] });
    await Promise.all([...requests, last]);
    const many = Array.from({ length: 600 }, (_, i) => job.enqueue(i));
    const [, behind] = await Promise.all([
      worker.enqueueMany(many),
      job.enqueue(-2).start({ after: many.map(({ id }) => id) }),
    ]);
    await worker.run({ burst: true });
    assertEquals([(await behind.result()).success, ran.length], [true, 1202]);
    await stage.assertClean(worker);
  });

  it("can be sent together with a task that has a schedule, and wait for its first occurrence", async () => {
    const { worker, ran, job } = await setUp();
    const repeating = () => job.enqueue(1).start({ schedule: "* * * * * *" });
    const [one, two] = [repeating(), repeating()];
    const [first, below] = await worker.enqueueMany([one, job.enqueue(2).start({ after: one.id })]);
    const [second, beside] = await Promise.all([two, job.enqueue(2).start({ after: two.id })]);
    const run = running(worker);
    await Promise.all([below.result({ timeout: "10s" }), beside.result({ timeout: "10s" })]);
    assertEquals([await first.unschedule(), await second.unschedule(), ran[0]], [true, true, 1]);
    await run.stop();
    await stage.assertClean(worker);
  });

  it("are all released by one dependency", async () => {
    const { worker, ran, job } = await setUp();
    const top = await job.enqueue(0);
    const tasks = await worker.enqueueMany(Array.from({ length: 1300 }, (_, i) => {
      return job.enqueue(i + 1).start({ after: top.id });
    }));
    assertEquals((await top.info())!.dependents.size, 1000);
    const last = await job.enqueue(-1).start({ after: tasks.map(({ id }) => id) });
    await worker.run({ burst: true });
    assertEquals([ran.length, ran[0], ran.at(-1), (await last.result()).success], [1302, 0, -1, true]);
    await stage.assertClean(worker);
  });

  it("all fail with their one dependency, and so does a task that depends on all of them", async () => {
    const { worker, ran, job, fail } = await setUp();
    const top = await fail.enqueue();
    const tasks = await worker.enqueueMany(Array.from({ length: 1300 }, (_, i) => {
      return job.enqueue(i).start({ after: top.id });
    }));
    const last = await job.enqueue(-1).start({ after: tasks.map(({ id }) => id) });
    const run = running(worker);
    assertStringIncludes((await last.result({ timeout: "20s" })).exception!.message, top.id);
    await eventually(async () => await worker.queueSize() === 0);
    const messages = new Set<string>();
    for (const task of tasks) messages.add((await task.result()).exception!.message.replace(task.id, "id"));
    assertEquals([...messages], [`Task id was not run: task ${top.id}, on which it depends, failed`]);
    assertEquals(ran, []);
    await run.stop();
    await stage.assertClean(worker);
  });

  it("can have 100,000 dependencies each, and no more", async () => {
    const { worker, ran, job } = await setUp();
    const open = await worker.enqueueMany(Array.from({ length: 3000 }, (_, i) => job.enqueue(i)));
    const done = await job.enqueue(3000);
    const ids = open.map(({ id }) => id);
    const task = await job.enqueue(-1).start({ after: [done.id, ...ids] });
    assertEquals([await task.status(), (await task.info())!.dependencies.size], ["scheduled", 1000]);
    await worker.run({ burst: true });
    assertEquals([ran.length, ran.at(-1)], [3002, -1]);
    // Dependencies that have already succeeded are accepted too, however many they are.
    const late = await job.enqueue(-2).start({ after: ids });
    assertEquals(await late.status(), "queued");
    const many = Array.from({ length: 100_001 }, (_, i) => `task-${i}`);
    assertThrows(() => job.enqueue(0).start({ after: many }), StreaqError, "at most 100000 ids, got 100001");
    const request = job.enqueue(0).start({ after: [...ids, ...many.slice(ids.length + 1)] });
    await assertRejects(() => request.then(), StreaqError, "task-3001");
    await worker.run({ burst: true });
    await stage.assertClean(worker);
  });

  it("leave nothing behind under an id that was refused, so that it can be used again", async () => {
    const { worker, ran, job } = await setUp();
    const open = await worker.enqueueMany(
      Array.from({ length: 1500 }, (_, i) => job.enqueue(i).start({ delay: "1h" })),
    );
    const after = [...open.map(({ id }) => id), "unknown"];
    await assertRejects(() => job.enqueue(0).start({ id: "mine", after }).then(), StreaqError, "unknown");
    assertEquals([await worker.statusById("mine"), await worker.queueSize()], ["missing", 1500]);
    const only = await job.enqueue(1);
    const task = await job.enqueue(2).start({ id: "mine", after: only.id });
    assertEquals((await task.info())!.dependencies, new Set([only.id]));
    // The failure of the former dependencies does not affect it.
    await Promise.all(open.map((task) => task.abort()));
    assertEquals(await task.status(), "scheduled");
    await worker.run({ burst: true });
    assertEquals(ran, [1, 2]);
    await stage.assertClean(worker);
  });
});
