import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { pathToFileURL } from "node:url";
import {
  assert,
  assertEquals,
  assertGreaterOrEqual,
  assertInstanceOf,
  assertLess,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { type RetryOptions, StreaqError, StreaqRetry } from "../../../src/base/errors.ts";
import { taskContext } from "../../../src/queue/context/task_context.ts";
import { eventually } from "../../support/poll.ts";
import { behaviour } from "../behaviour.ts";
import { Lines, nextTurn, running } from "../stage.ts";

behaviour("StreaqRetry", (stage) => {
  it("retries the task after its delay, never early, and counts the tries", async () => {
    const worker = await stage.worker();
    const seen: number[] = [];
    const times: number[] = [];
    const flaky = worker.task(async function flaky() {
      const { tries } = taskContext();
      times.push(Date.now());
      seen.push(tries);
      await nextTurn();
      times.push(Date.now());
      if (tries < 3) throw new StreaqRetry("not yet", { delay: 150 * tries });
      return "at last";
    });
    const run = running(worker);
    const task = await flaky.enqueue();
    // A caller that waits from the beginning gets the outcome of the last try.
    const { result, tries, startTime } = await task.result();
    await run.stop();
    assertEquals([result, tries, seen], ["at last", 3, [1, 2, 3]]);
    assertGreaterOrEqual(times[2]! - times[1]!, 150);
    assertGreaterOrEqual(times[4]! - times[3]!, 300);
    assertGreaterOrEqual(startTime, times[3]! + 300);
    assertEquals([worker.counters.retried, worker.counters.completed, worker.counters.failed], [2, 1, 0]);
    await stage.assertClean(worker);
  });

  it("retries the task at its schedule, never early", async () => {
    const worker = await stage.worker();
    let due = 0;
    let again = 0;
    const later = worker.task(function later() {
      again = Date.now();
      if (taskContext().tries > 1) return;
      due = Date.now() + 400;
      throw new StreaqRetry("later", { schedule: new Date(due) });
    });
    const run = running(worker);
    const task = await later.enqueue();
    assertEquals((await task.result()).success, true);
    await run.stop();
    assertGreaterOrEqual(again, due);
  });

  it("retries the task one second after the first try by default", async () => {
    const worker = await stage.worker();
    const times: number[] = [];
    const silent = worker.task(function silent() {
      times.push(Date.now());
      if (times.length === 1) throw new StreaqRetry();
    });
    const run = running(worker);
    const { success } = await (await silent.enqueue()).result();
    await run.stop();
    assertEquals(success, true);
    assertGreaterOrEqual(times[1]! - times[0]!, 1000);
  });

  const atOnce: [setting: string, options: () => RetryOptions][] = [
    ["a delay of 0", () => ({ delay: 0 })],
    ["a schedule in the past", () => ({ schedule: new Date(Date.now() - 3_600_000) })],
    ["a schedule before 1970", () => ({ schedule: new Date(-1) })],
  ];
  for (const [setting, options] of atOnce) {
    it(`retries the task at once with ${setting}, and without limit with maxTries: null`, async () => {
      const worker = await stage.worker();
      const again = worker.task(function again() {
        if (taskContext().tries < 7) throw new StreaqRetry("again", options());
      }, { maxTries: null });
      const run = running(worker);
      const { success, tries } = await (await again.enqueue()).result({ timeout: 4000 });
      await run.stop();
      assertEquals([success, tries, worker.counters.retried], [true, 7, 6]);
      await stage.assertClean(worker);
    });
  }

  it("leaves the task scheduled until its retry, and logs the reason", async () => {
    const lines = new Lines();
    const worker = await stage.worker({ logger: lines });
    const fail = worker.task(function fail() {
      throw new StreaqRetry("the door is shut", { delay: "1h", cause: new RangeError("no key") });
    });
    const run = running(worker);
    const before = Date.now() + 3_600_000;
    const task = await fail.enqueue();
    await eventually(async () => await task.status() === "scheduled");
    const info = await worker.infoById(task.id);
    assertInstanceOf(info?.scheduled, Date);
    assertGreaterOrEqual(info.scheduled.getTime(), before);
    assertLess(info.scheduled.getTime(), Date.now() + 3_600_000 + 1);
    assertEquals([info.status, info.tries], ["scheduled", 1]);
    assertEquals((await worker.getTasksByStatus("scheduled")).map(({ taskId }) => taskId), [task.id]);
    await eventually(() => lines.with("the door is shut").some((line) => line.includes("RangeError: no key")));
    await task.abort();
    await run.stop();
    await stage.assertClean(worker);
  });

  it("fails the task at once if no try is left, with the cause of the retry or the number of tries", async () => {
    const worker = await stage.worker();
    const give = async (cause: unknown) => {
      await Promise.resolve();
      throw new StreaqRetry("still shut", { delay: taskContext().tries === 2 ? "1h" : 0, cause });
    };
    const up = worker.task((withCause: boolean) => give(withCause ? new RangeError("no key") : undefined), {
      name: "giveUp",
      maxTries: 2,
    });
    const run = running(worker);
    const [withCause, without] = await worker.enqueueMany([up.enqueue(true), up.enqueue(false)]);
    const result = await withCause.result({ timeout: 4000 });
    assertEquals([result.success, result.tries], [false, 2]);
    assertInstanceOf(result.exception, RangeError);
    assertEquals(result.exception.message, "no key");
    const { exception } = await without.result({ timeout: 4000 });
    assertInstanceOf(exception, StreaqError);
    assertEquals(exception.name, "StreaqError");
    for (const part of ["2 tries", "giveUp", "still shut"]) assertStringIncludes(exception.message, part);
    assertEquals((exception.cause as Error).message, "still shut");
    await run.stop();
    assertEquals([worker.counters.failed, worker.counters.retried], [2, 2]);
    await stage.assertClean(worker);
  });

  const bad: [fault: string, options: unknown, error: new (message: string) => Error][] = [
    ["both delay and schedule", { delay: 1, schedule: new Date() }, StreaqError],
    ["a negative delay", { delay: -1 }, RangeError],
    ["a delay of NaN", { delay: NaN }, RangeError],
    ["an infinite delay", { delay: Infinity }, RangeError],
    ["a delay in words", { delay: "soon" }, TypeError],
    ["a delay of null", { delay: null }, TypeError],
    ["an invalid date", { schedule: new Date(NaN) }, TypeError],
    ["a date as text", { schedule: "2030-01-01" }, TypeError],
  ];
  for (const [fault, options, error] of bad) {
    it(`refuses ${fault} when it is constructed, so that the task fails with the refusal`, async () => {
      const worker = await stage.worker();
      const wrong = worker.task(function wrong() {
        throw new StreaqRetry("never said", options as RetryOptions);
      });
      const task = await wrong.enqueue();
      await worker.run({ burst: true });
      const { exception, tries } = await task.result();
      assertEquals([exception!.name, tries], [error.name, 1]);
      assertInstanceOf(exception, error);
      assertStringIncludes(exception.message, "Cannot ");
      await stage.assertClean(worker);
    });
  }

  it("accepts the latest date that exists", async () => {
    const worker = await stage.worker();
    const never = worker.task(function never() {
      throw new StreaqRetry("one day", { schedule: new Date(8.64e15) });
    });
    const task = await never.enqueue();
    await worker.run({ burst: true });
    assertEquals((await task.info())?.scheduled?.getTime(), 8.64e15);
    assertEquals(await task.abort(), true);
    await stage.assertClean(worker);
  });

  it("retries the task if middleware throws it, before or after the function", async () => {
    const worker = await stage.worker();
    let calls = 0;
    worker.middleware((next) => async (...args) => {
      const { tries } = taskContext();
      if (tries === 1) throw new StreaqRetry("before", { delay: 0 });
      const value = await next(...args);
      if (tries === 2) throw new StreaqRetry("after", { delay: 0 });
      return value;
    });
    const job = worker.task(() => ++calls, { name: "job" });
    const run = running(worker);
    const { result, tries } = await (await job.enqueue()).result();
    await run.stop();
    assertEquals([result, tries, worker.counters.retried], [2, 3, 2]);
  });

  it("can be subclassed", async () => {
    class Busy extends StreaqRetry {
      override name = "Busy";
    }
    const worker = await stage.worker();
    const job = worker.task(function job() {
      if (taskContext().tries === 1) throw new Busy("line is busy", { delay: 0 });
      return "through";
    });
    const run = running(worker);
    assertEquals((await (await job.enqueue()).result()).result, "through");
    await run.stop();
  });

  it("can be followed by any other failure, which is then the outcome", async () => {
    const worker = await stage.worker();
    const job = worker.task(function job() {
      if (taskContext().tries === 1) throw new StreaqRetry("again", { delay: 0 });
      throw new RangeError("for good");
    }, { ttl: 0 });
    const run = running(worker);
    const task = await job.enqueue();
    const { exception, tries } = await task.result();
    assertEquals([exception!.message, tries], ["for good", 2]);
    // With ttl: 0 the result is not kept.
    await assertRejects(() => task.result(), StreaqError, task.id);
    await run.stop();
    assert(worker.counters.failed === 1);
    await stage.assertClean(worker);
  });
});

behaviour("a StreaqRetry of a second copy of the package", (stage) => {
  it("is a retry", async () => {
    const folder = await mkdtemp(join(tmpdir(), "streaq-copy-"));
    await cp(new URL("../../../src/base/", import.meta.url), folder, { recursive: true });
    await writeFile(join(folder, "package.json"), '{ "type": "module" }');
    const url = pathToFileURL(join(folder, "errors.ts")).href;
    const { StreaqRetry: Copy } = await import(url) as { StreaqRetry: typeof StreaqRetry };
    await rm(folder, { recursive: true });
    assert(Copy !== StreaqRetry && !(new Copy() instanceof StreaqRetry));
    const worker = await stage.worker();
    const twice = worker.task("twice", () => {
      if (taskContext().tries === 1) throw new Copy("again", { delay: 0 });
      return taskContext().tries;
    });
    const task = await twice.enqueue();
    const run = running(worker);
    assertEquals(await task.value({ timeout: "5s" }), 2);
    await run.stop();
    await stage.assertClean(worker);
  });
});
