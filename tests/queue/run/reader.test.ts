import { it } from "node:test";
import { assertEquals } from "@std/assert";
import { eventually } from "../../support/poll.ts";
import { gate } from "../../support/promises.ts";
import { behaviour } from "../behaviour.ts";
import { Lines, running } from "../stage.ts";

behaviour("the reader", (stage) => {
  it("accepts an odd idleTimeout", async () => {
    const lines = new Lines();
    const worker = await stage.worker({ idleTimeout: 1001, logger: lines });
    const { open, opened } = gate();
    const gated = worker.task(() => opened, { name: "gated" });
    const job = worker.task(() => {}, { name: "job" });
    const run = running(worker);
    const first = await gated.enqueue();
    await eventually(async () => await first.status() === "running");
    // While a task is in flight, a read waits for at most half of the idleTimeout.
    await (await job.enqueue()).result();
    open();
    await first.result();
    await run.stop();
    assertEquals(lines.problems, []);
  });
});

behaviour("a worker with 4,100 slots", (stage) => {
  it("runs 4,100 tasks at the same time", async () => {
    const worker = await stage.worker({ concurrency: 4100, prefetch: 0 });
    const { open, opened } = gate();
    let runs = 0;
    const job = worker.task(async () => {
      runs++;
      await opened;
    }, { name: "job", silent: true });
    await worker.enqueueMany(Array.from({ length: 4100 }, () => job.enqueue()));
    const run = running(worker);
    await eventually(() => runs === 4100, { timeout: 20_000 }).finally(open);
    await run.stop();
  });
});
