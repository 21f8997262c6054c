import { it } from "node:test";
import { assertEquals, assertInstanceOf, assertStringIncludes } from "@std/assert";
import { StreaqError, ValidationError } from "../../../mod.ts";
import { behaviour } from "../behaviour.ts";
import { running } from "../stage.ts";
import * as tasks from "./fixtures/checked_tasks.ts";

behaviour("A checked task in a thread", (stage) => {
  it("is checked on the main thread, once", async () => {
    const worker = await stage.worker();
    worker.include(tasks.worker);
    const run = running(worker);
    const { result } = await (await tasks.tell.enqueue("a")).result();
    assertEquals(result, "a checked on the main thread, run on the inner thread checked on the main thread");
    await run.stop();
    await stage.assertClean(worker);
  });

  it("fails with a ValidationError without a thread", async () => {
    const worker = await stage.worker();
    worker.include(tasks.worker);
    const run = running(worker);
    const task = await worker.enqueueUnsafe("tell", 5);
    const { exception, tries } = await task.result();
    assertInstanceOf(exception, ValidationError);
    assertEquals(tries, 0);
    assertStringIncludes(exception.message, "Invalid arguments of task tell: [0]: ");
    await run.stop();
  });

  it("is checked where it is called by another task", async () => {
    const worker = await stage.worker();
    worker.include(tasks.worker);
    const run = running(worker);
    const [good, bad] = [await tasks.nested.enqueue("a"), await worker.enqueueUnsafe("nested", 5)];
    assertEquals(
      (await good.result()).result,
      "a checked on the inner thread, run on the inner thread checked on the inner thread",
    );
    const { exception, tries } = await bad.result();
    assertInstanceOf(exception, ValidationError);
    assertEquals(tries, 1);
    await run.stop();
  });

  it("fails if what came out of its schemas cannot be cloned", async () => {
    const worker = await stage.worker();
    worker.include(tasks.worker);
    const run = running(worker);
    const { exception } = await (await tasks.uncloneable.enqueue(5)).result();
    assertInstanceOf(exception, StreaqError);
    assertEquals(
      exception.message,
      "Cannot pass the arguments to the thread of task uncloneable: structured cloning failed",
    );
    assertEquals((await (await tasks.tell.enqueue("a")).result()).success, true);
    await run.stop();
  });
});
