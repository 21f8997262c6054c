import { assertEquals } from "@std/assert";
import { it } from "node:test";
import { behaviour } from "../behaviour.ts";

behaviour("failed tasks that are retried by a process that cannot read their records", (stage) => {
  /** A worker, and a stranger that shares its queue but not its secret. */
  async function strangers() {
    const worker = await stage.worker({ signingSecret: "own" });
    const stranger = await stage.worker({ signingSecret: "other", queueName: worker.queueName });
    const state = { isBroken: true };
    const work = worker.task("work", (value: number) => {
      if (state.isBroken && value > 1) throw new Error("broken");
      return value + 1;
    });
    return { worker, stranger, state, work };
  }

  it("do not run before the task that they failed with", async () => {
    const { worker, stranger, state, work } = await strangers();
    const root = await work.enqueue(7);
    const below = await work.enqueue(8).start({ after: root.id });
    await worker.drain();
    assertEquals((await below.result()).success, false);
    state.isBroken = false;
    assertEquals(await stranger.retryFailed(below.id), 0);
    assertEquals(await stranger.retryFailed(root.id), 2);
    assertEquals([await root.status(), await below.status()], ["queued", "scheduled"]);
    await worker.drain();
    assertEquals([await root.value(), await below.value()], [8, 9]);
    await stage.assertClean(worker);
  });

  it("have the input that was piped into them", async () => {
    const { worker, stranger, state, work } = await strangers();
    const task = await work.enqueue(1).pipe(work).pipe(work);
    await worker.drain();
    assertEquals((await task.result()).success, false);
    state.isBroken = false;
    assertEquals(await stranger.retryFailed({}), 2);
    await worker.drain();
    assertEquals(await task.value(), 4);
    await stage.assertClean(worker);
  });
});
