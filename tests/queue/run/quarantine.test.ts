import { it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { deferred } from "../../../src/base/async.ts";
import { eventually } from "../../support/poll.ts";
import { behaviour } from "../behaviour.ts";
import { running } from "../stage.ts";
import { cutOff, shortIdleTimeout } from "./cut_off.ts";

behaviour("a task whose last two runs were cut off with their workers", (stage) => {
  it("does not take the place of other tasks: they run at full width beside it", async () => {
    const worker = await stage.worker({ concurrency: 4, idleTimeout: shortIdleTimeout });
    const gate = deferred<void>();
    let [now, most] = [0, 0];
    const crasher = worker.task(async function crasher() {
      most = Math.max(most, ++now);
      await gate.promise;
      now--;
    });
    let done = 0;
    const quick = worker.task(async function quick() {
      await Promise.resolve();
      done++;
    });
    const crashers = await worker.enqueueMany(Array.from({ length: 4 }, () => crasher.enqueue()));
    await cutOff(stage, worker.queueName, crashers.length, ["first", "second"]);

    const run = running(worker);
    await eventually(() => now === 1, { timeout: 10_000 });
    await worker.enqueueMany(Array.from({ length: 20 }, () => quick.enqueue()));
    await eventually(() => done === 20, { timeout: 10_000, message: "the quick tasks are done" });
    assertEquals([now, most], [1, 1]);

    gate.resolve();
    for (const task of crashers) assert((await task.result({ timeout: "20s" })).success);
    assertEquals(most, 1);
    await run.stop();
    await stage.assertClean(worker);
  });
});
