import { it } from "node:test";
import { assertEquals, assertInstanceOf, assertStringIncludes } from "@std/assert";
import { TimeoutError } from "../../../src/base/errors.ts";
import { eventually } from "../../support/poll.ts";
import { behaviour } from "../behaviour.ts";
import { running } from "../stage.ts";
import * as tasks from "./fixtures/retry_tasks.ts";

behaviour("a task in a thread with a retry policy", (stage) => {
  /** A running worker with the tasks of the fixture, whose policy has been asked about nothing. */
  async function setUp() {
    const worker = await stage.worker();
    worker.include(tasks.worker);
    tasks.asked.length = 0;
    return { worker, run: running(worker) };
  }

  it("is tried again after an error in the thread", async () => {
    const { worker, run } = await setUp();
    assertEquals((await (await tasks.flaky.enqueue()).result()).result, 3);
    await run.stop();
    assertEquals([tasks.asked, worker.counters.retried], [["RangeError: try 1", "RangeError: try 2"], 2]);
    await stage.assertClean(worker);
  });

  it("is tried again after a timeout in another thread, once its own has exited", async () => {
    const { worker, run } = await setUp();
    const { exception, tries } = await (await tasks.endless.enqueue()).result();
    assertInstanceOf(exception, TimeoutError);
    assertEquals([tries, worker.counters.retried, tasks.asked.length], [2, 1, 1]);
    await eventually(() => worker.running === 0);
    await run.stop();
    await stage.assertClean(worker);
  });

  it("is not tried again if its result cannot leave the thread, or its arguments cannot enter it", async () => {
    const { worker, run } = await setUp();
    worker.middleware((next) => async (...args) => await next(...args.map((arg) => arg === "fn" ? () => 1 : arg)));
    await run.stop();
    const again = running(worker);
    const [out, into] = await worker.enqueueMany([tasks.uncloneable.enqueue(), tasks.echo.enqueue("fn")]);
    for (const task of [out, into]) {
      const { exception, tries } = await task.result();
      assertEquals([exception!.name, tries], ["StreaqError", 1]);
      assertStringIncludes(exception!.message, "structured cloning failed");
      assertStringIncludes(exception!.stack!, exception!.message);
    }
    await again.stop();
    assertEquals([tasks.asked, worker.counters.retried], [[], 0]);
    await stage.assertClean(worker);
  });

  it("can be put back without spending its try", async () => {
    const { worker, run } = await setUp();
    const task = await tasks.free.enqueue();
    await eventually(async () => await task.status() === "scheduled");
    assertEquals((await task.info())!.tries, 0);
    await eventually(() => worker.counters.retried === 1);
    await task.abort();
    await run.stop();
    await stage.assertClean(worker);
  });
});
