import { it } from "node:test";
import { inspect } from "node:util";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { StreaqError, TimeoutError } from "../../../src/base/errors.ts";
import { eventually } from "../../support/poll.ts";
import { gate, settled } from "../../support/promises.ts";
import { behaviour } from "../behaviour.ts";
import { running } from "../stage.ts";

behaviour("result()", (stage) => {
  it("returns the value of a successful task, with its times and its worker", async () => {
    const worker = await stage.worker();
    const double = worker.task(async function double(value: number) {
      begun = Date.now();
      await eventually(() => Date.now() > begun);
      finished = Date.now();
      return value * 2;
    });
    let [begun, finished] = [0, 0];
    const before = Date.now();
    const task = await double.enqueue(21);
    await worker.run({ burst: true });
    const result = await task.result();
    assert(result.success);
    assertEquals(result.result, 42);
    assertEquals([result.taskId, result.fnName, result.tries, result.workerId], [task.id, "double", 1, worker.id]);
    const { createdTime, enqueueTime, startTime, finishTime } = result;
    assert(createdTime >= before && enqueueTime >= before - 5 && startTime >= createdTime);
    assert(startTime <= begun && finished <= finishTime && finishTime <= Date.now());
    assert("exception" in result && result.exception === undefined);
    assertEquals(await task.value(), 42);
  });

  it("returns the exception of a failed task, with its cause", async () => {
    const worker = await stage.worker();
    const fail = worker.task(function fail() {
      throw new RangeError("too far", { cause: new Error("because") });
    });
    const task = await fail.enqueue();
    await worker.run({ burst: true });
    const result = await task.result();
    assert(!result.success);
    assert(result.exception instanceof RangeError);
    assertEquals([result.exception.name, result.exception.message], ["RangeError", "too far"]);
    assertStringIncludes(result.exception.stack!, "result.test.ts");
    assertEquals((result.exception.cause as Error).message, "because");
    assert("result" in result && result.result === undefined);
    const thrown = await assertRejects(() => task.value({ timeout: 1000 }), RangeError, "too far");
    assertEquals((thrown.cause as Error).message, "because");
  });

  it("is plain data: it can be taken apart, spread, logged, cloned and turned into JSON", async () => {
    const worker = await stage.worker();
    const maybe = worker.task(function maybe(fail: boolean) {
      if (fail) throw new Error("no", { cause: new TypeError("because", { cause: "text" }) });
      return { a: 1 };
    });
    const tasks = await worker.enqueueMany([maybe.enqueue(false), maybe.enqueue(true)]);
    await worker.run({ burst: true });
    const [good, bad] = await Promise.all(tasks.map((task) => task.result()));
    const { success, result, exception } = good!;
    assertEquals([success, result, exception], [true, { a: 1 }, undefined]);
    assertEquals({ ...good }, good);
    assertEquals(structuredClone(good), good);
    const [listed] = (await worker.getTasksByStatus("done")).filter(({ success }) => !success);
    for (const failed of [bad!, { ...bad! }, listed!]) {
      const json = JSON.parse(JSON.stringify(failed));
      assertEquals([json.success, json.taskId], [false, bad!.taskId]);
      const { stack, cause, ...rest } = json.exception;
      assertEquals(rest, { name: "Error", message: "no" });
      assertStringIncludes(stack, "result.test.ts");
      assertEquals([cause.name, cause.message, cause.cause.message], ["TypeError", "because", "Thrown: text"]);
      assertStringIncludes(inspect(failed), "because");
    }
    assertEquals(structuredClone(bad!).exception!.message, "no");
    for (const result of [good, bad]) assertStringIncludes(inspect(result), "taskId");
  });

  it("waits until the task has finished, for every caller", async () => {
    const worker = await stage.worker();
    const { open, opened } = gate();
    const slow = worker.task(async function slow() {
      await opened;
      return "done";
    });
    const task = await slow.enqueue();
    const waiting = Promise.all([task.result(), task.result(), worker.resultById(task.id)]);
    const run = running(worker);
    await eventually(async () => await task.status() === "running");
    open();
    assertEquals((await waiting).map(({ result }) => result), ["done", "done", "done"]);
    assertEquals((await task.result()).result, "done");
    await run.stop();
  });

  it("resolves for a waiting caller, even if the result is not kept", async () => {
    const worker = await stage.worker();
    const { open, opened } = gate();
    const brief = worker.task(async function brief(length: number) {
      await opened;
      return "x".repeat(length);
    }, { ttl: 0 });
    const other = worker.task(() => "y", { name: "other" });
    const lengths = [1, 10_000];
    const tasks = await worker.enqueueMany(lengths.map((length) => brief.enqueue(length)));
    const task = tasks[0]!;
    const kept = await other.enqueue();
    const run = running(worker);
    const waiting = Promise.all(tasks.map((task) => task.value()));
    // Waits begin in order: once a later one is over, these have begun.
    assertEquals((await kept.result()).result, "y");
    open();
    assertEquals(await waiting, lengths.map((length) => "x".repeat(length)));
    await run.stop();
    assertEquals(await task.status(), "done");
    await assertRejects(() => task.result(), StreaqError, "its result is gone");
    await stage.assertClean(worker);
  });

  it("rejects with a TimeoutError that names the task and the timeout", async () => {
    const worker = await stage.worker();
    const task = await worker.task(() => 1, { name: "one" }).enqueue();
    await assertRejects(
      () => task.result({ timeout: 30 }),
      TimeoutError,
      `Task ${task.id} did not finish within 30 ms`,
    );
  });

  it("rejects with the reason of its signal", async () => {
    const worker = await stage.worker();
    const task = await worker.task(() => 1, { name: "one" }).enqueue();
    const controller = new AbortController();
    const waiting = task.result({ signal: controller.signal });
    controller.abort(new RangeError("enough"));
    await assertRejects(() => waiting, RangeError, "enough");
    await assertRejects(() => task.result({ signal: controller.signal }), RangeError, "enough");
  });

  it("refuses an unknown or invalid id", async () => {
    const worker = await stage.worker();
    await assertRejects(() => worker.resultById("nobody"), StreaqError, "nobody");
    await assertRejects(() => worker.resultById(""), StreaqError, "Cannot use id");
    assertEquals(await worker.statusById("nobody"), "missing");
    assertEquals(await worker.infoById("nobody"), null);
  });

  it("rejects when the worker is closed", async () => {
    const worker = await stage.worker();
    const task = await worker.task(() => 1, { name: "one" }).enqueue();
    const waiting = assertRejects(() => task.result(), StreaqError, "closed");
    await worker.close();
    await waiting;
  });

  it("rejects after close(), at every call", async () => {
    const worker = await stage.worker();
    const task = await worker.task(() => 1, { name: "one" }).enqueue();
    await worker.close();
    for (let time = 0; time < 2; time++) assertEquals(await settled(task.result(), 1000), "rejected");
  });
});

behaviour("a result of undefined", (stage) => {
  it("is returned as null", async () => {
    const worker = await stage.worker();
    const nothing = worker.task(() => {}, { name: "nothing" });
    const task = await nothing.enqueue();
    await worker.run({ burst: true });
    assertEquals((await task.result()).result as unknown, null);
  });
});

behaviour("info()", (stage) => {
  it("describes a task until it has finished", async () => {
    const worker = await stage.worker();
    let seen: unknown;
    const look = worker.task(async function look(_value: number) {
      seen = await task.info();
    });
    const task = await look.enqueue(7);
    const queued = await task.info();
    assertEquals(
      [queued?.taskId, queued?.fnName, queued?.args, queued?.kwargs, queued?.tries, queued?.scheduled, queued?.status],
      [task.id, "look", [7], {}, 0, null, "queued"],
    );
    assertEquals([queued?.dependencies.size, queued?.dependents.size], [0, 0]);
    await worker.run({ burst: true });
    assertEquals((seen as { status: string; tries: number }).status, "running");
    assertEquals((seen as { status: string; tries: number }).tries, 1);
    assertEquals(await task.info(), null);
  });
});
