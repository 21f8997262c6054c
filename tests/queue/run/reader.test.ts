import { it } from "node:test";
import { assertEquals } from "@std/assert";
import { eventually } from "../../support/poll.ts";
import { gate } from "../../support/promises.ts";
import { behaviour } from "../behaviour.ts";
import { Lines, running, sleep } from "../stage.ts";

behaviour("the reader", (stage) => {
  it("takes an idleTimeout that is odd", async () => {
    const lines = new Lines();
    const worker = await stage.worker({ idleTimeout: 1001, logger: lines });
    const run = running(worker);
    await sleep(300);
    await run.stop();
    assertEquals(lines.with("Reading from the queue failed"), []);
  });
});

behaviour("as many slots as anybody may want", (stage) => {
  it("are filled: 4,100 tasks start at once", async () => {
    const worker = await stage.worker({ concurrency: 4100, prefetch: 0 });
    const { open, opened } = gate();
    let runs = 0;
    const job = worker.task(async () => {
      runs++;
      await opened;
    }, { name: "job", silent: true });
    await worker.enqueueMany(Array.from({ length: 4100 }, () => job.enqueue()));
    const run = running(worker);
    await eventually(() => runs === 4100, { timeout: 10_000 }).finally(open);
    await run.stop();
  });
});
