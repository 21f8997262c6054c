import { it } from "node:test";
import { assertEquals, assertInstanceOf, assertStringIncludes } from "@std/assert";
import { StreaqCancelled, StreaqError, StreaqRetry } from "../../../src/base/errors.ts";
import { taskContext } from "../../../src/queue/context/task_context.ts";
import type { EnqueueRequest } from "../../../src/queue/enqueue/registered_task.ts";
import { tuple } from "../../../src/queue/tasks/tuple.ts";
import type { WorkerOptions } from "../../../src/queue/options/worker_options.ts";
import { eventually } from "../../support/poll.ts";
import { gate } from "../../support/promises.ts";
import { behaviour } from "../behaviour.ts";
import { clockPasses, running, untilAborted } from "../stage.ts";

/** Checks that steps have failed without running, because `failed` has. */
async function assertFailedWith(failed: { id: string }, ...requests: EnqueueRequest<unknown>[]): Promise<void> {
  for (const request of requests) {
    const { exception, tries } = await (await request).result({ timeout: "10s" });
    assertInstanceOf(exception, StreaqError);
    assertEquals(exception.message, `Task ${request.id} was not run: task ${failed.id}, on which it depends, failed`);
    assertEquals(tries, 0);
  }
}

behaviour("a pipeline with an unsuccessful step", (stage) => {
  async function setUp(options: WorkerOptions<undefined> = {}) {
    const worker = await stage.worker({ priorities: ["low", "high"], concurrency: 1, prefetch: 0, ...options });
    const runs: unknown[] = [];
    const note = worker.task((value: unknown) => {
      runs.push(value);
      return value;
    }, { name: "note" });
    const double = worker.task((value: number) => value * 2, { name: "double" });
    const { open, opened } = gate();
    const gated = worker.task(async (value: unknown) => {
      await opened;
      return value;
    }, { name: "gated" });
    return { worker, runs, note, double, gated, open };
  }

  it("fails from that step on, with errors that name it", async () => {
    const { worker, runs, double, note } = await setUp();
    const fail = worker.task((_value: number): number => {
      throw new RangeError("no");
    }, { name: "fail" });
    const first = double.enqueue(1);
    const second = first.pipe(fail);
    const third = second.pipe(double);
    const last = third.pipe(note);
    const below = note.enqueue("below");
    await last;
    await below.start({ after: last.id });
    await worker.run({ burst: true });
    assertInstanceOf((await (await second).result()).exception, RangeError);
    await assertFailedWith(second, third, last, below);
    assertEquals([(await (await first).result()).result, runs], [2, []]);
    await stage.assertClean(worker);
  });

  it("fails at a step whose result is too large, cannot be stored or has too many elements to spread", async () => {
    const { worker, runs, note } = await setUp({ maxPayload: 300_000 });
    const makers: [name: string, make: () => unknown][] = [
      ["large", () => "x".repeat(300_000)],
      ["function", () => () => {}],
      ["hidden", () => tuple(1, Symbol("no"))],
      ["many", () => tuple(...new Array(65_536).fill(1))],
    ];
    for (const [name, make] of makers) {
      const first = worker.task(make, { name }).enqueue();
      const task = await first.pipe(note as never);
      await worker.run({ burst: true });
      const { exception } = await (await first).result();
      assertInstanceOf(exception, StreaqError, name);
      assertStringIncludes(exception.message, name);
      assertStringIncludes((await task.result()).exception!.message, first.id);
    }
    assertEquals(runs, []);
    await stage.assertClean(worker);
  });

  it("fails from an aborted step on, while the steps before it continue", async () => {
    const { worker, runs, note, double } = await setUp();
    const first = note.enqueue(1);
    const second = first.pipe(double as never) as EnqueueRequest<unknown>;
    const third = second.pipe(note);
    const last = third.pipe(note);
    await last;
    assertEquals(await (await second).abort(), true);
    await assertFailedWith(second, third, last);
    assertEquals((await (await first).info())!.dependents.size, 0);
    await worker.run({ burst: true });
    assertInstanceOf((await (await second).result()).exception, StreaqCancelled);
    assertEquals([runs, (await (await first).result()).success], [[1], true]);
    await stage.assertClean(worker);
  });

  it("fails from a step on if it is aborted while it has its input and waits for a slot", async () => {
    const { worker, runs, note, double, gated, open } = await setUp();
    const first = double.enqueue(1).start({ priority: "high" });
    const second = first.pipe(note);
    const last = second.pipe(note);
    await last;
    const blocker = await gated.enqueue(0).start({ priority: "high" });
    const run = running(worker);
    await eventually(async () => await blocker.status() === "running");
    assertEquals([await first.status(), await second.status()], ["done", "queued"]);
    assertEquals(await (await second).abort(), true);
    await assertFailedWith(second, last);
    open();
    await blocker.result();
    await run.stop();
    // The entry of a task that was aborted before it was read is dropped when it is read.
    await worker.run({ burst: true });
    assertEquals(runs, []);
    await stage.assertClean(worker);
  });

  it("fails from a step on if it is aborted while it runs or waits for its retry", async () => {
    const { worker, runs, note, double, gated, open } = await setUp({ concurrency: 2 });
    const later = worker.task((_value: unknown) => {
      throw new StreaqRetry("later", { delay: "1h" });
    }, { name: "later" });
    const second = double.enqueue(1).pipe(gated);
    const other = double.enqueue(1).pipe(later);
    const ends = [second.pipe(note), other.pipe(note as never)] as const;
    await Promise.all(ends);
    const run = running(worker);
    await eventually(async () => await second.status() === "running");
    await eventually(async () => (await (await other).info())!.tries === 1 && await other.status() === "scheduled");
    for (const [i, request] of [second, other].entries()) {
      assertEquals(await worker.abortById(request.id), true);
      await assertFailedWith(request, ends[i]!);
    }
    open();
    await eventually(() => worker.lingering === 0);
    await run.stop();
    assertEquals(runs, []);
    await stage.assertClean(worker);
  });

  it("fails from a step on if it expires, counting from the completion of the previous step", async () => {
    const { worker, runs, note, double, gated, open } = await setUp();
    const hasty = worker.task((value: number) => value, { name: "hasty", expire: 300 });
    const patient = worker.task((value: number) => value, { name: "patient", expire: 1000 });
    const slow = worker.task((value: number) => clockPasses(Date.now() + 1000).then(() => value), { name: "slow" });
    const inTime = await slow.enqueue(1).pipe(patient);
    await worker.run({ burst: true });
    assertEquals((await inTime.result()).result, 1);
    const late = double.enqueue(1).start({ priority: "high" }).pipe(hasty);
    const last = late.pipe(note);
    await last;
    const blocker = await gated.enqueue(0).start({ priority: "high" });
    const run = running(worker);
    await eventually(async () => await blocker.status() === "running" && await late.status() === "queued");
    await clockPasses(Date.now() + 300);
    open();
    assertStringIncludes((await (await late).result()).exception!.message, "expired: it was not started within 300 ms");
    await assertFailedWith(late, last);
    await run.stop();
    assertEquals(runs, []);
    await stage.assertClean(worker);
  });

  it("continues with the same input when the step is released by a shutdown", async () => {
    const { worker, note, double } = await setUp();
    const { queueName } = worker;
    const patient = worker.task((_value: number): Promise<number> => untilAborted(taskContext().signal), {
      name: "patient",
    });
    const second = double.enqueue(1).pipe(patient);
    const last = await second.pipe(note);
    const run = running(worker);
    await eventually(async () => await second.status() === "running");
    await run.stop();
    assertEquals(await second.status(), "queued");
    const next = await stage.worker({ queueName, priorities: ["low", "high"] });
    next.task((value: number) => value + 0.5, { name: "patient" });
    next.task((value: unknown) => value, { name: "note" });
    await next.run({ burst: true });
    assertEquals((await last.result()).result, 2.5);
    await stage.assertClean(worker);
  });
});
