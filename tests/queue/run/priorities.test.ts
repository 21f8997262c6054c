import { it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { eventually } from "../../support/poll.ts";
import { gate } from "../../support/promises.ts";
import { behaviour } from "../behaviour.ts";
import { running, sleep } from "../stage.ts";

behaviour("priorities", (stage) => {
  /** A worker with a task that records its argument, and then does some work. */
  async function setUp(prefetch: number, work = (_name: string): Promise<void> | void => {}) {
    const worker = await stage.worker({ priorities: ["low", "middle", "high"], concurrency: 1, prefetch });
    const ran: string[] = [];
    const note = worker.task(async (name: string) => {
      ran.push(name);
      await work(name);
    }, { name: "note" });
    const enqueue = (priority: string, count: number) =>
      worker.enqueueMany(Array.from({ length: count }, (_, i) => note.enqueue(`${priority} ${i}`).start({ priority })));
    return { worker, ran, enqueue };
  }

  for (const prefetch of [0, 16]) {
    it(`run from highest to lowest and oldest first, in whatever order they are enqueued, with prefetch: ${prefetch}`, async () => {
      const { worker, ran, enqueue } = await setUp(prefetch);
      await enqueue("low", 3);
      await enqueue("high", 3);
      await enqueue("middle", 2);
      await worker.run({ burst: true });
      assertEquals(ran, ["high 0", "high 1", "high 2", "middle 0", "middle 1", "low 0", "low 1", "low 2"]);
      await stage.assertClean(worker);
    });
  }

  it("let a new task of high priority overtake buffered tasks of low priority", async () => {
    const { open, opened } = gate();
    const { worker, ran, enqueue } = await setUp(16, async (name) => {
      if (name === "low 20") await opened;
      // Time enough for the worker to read the new task before it starts many others.
      else if (ran.length > 20) await sleep(50);
    });
    await enqueue("low", 60);
    const run = running(worker);
    await eventually(() => ran.includes("low 20"));
    const [high] = await enqueue("high", 1);
    open();
    await high!.result();
    // A task that is about to start comes first, and one that starts before the new one is read.
    assert(ran.indexOf("high 0") <= 23, `${ran.indexOf("high 0")} tasks came first`);
    await run.stop();
  });

  it("default to the lowest", async () => {
    const { worker, ran, enqueue } = await setUp(0);
    const note = worker.registry.get("note")!;
    await note.enqueue("no priority");
    await enqueue("middle", 1);
    await worker.run({ burst: true });
    assertEquals(ran, ["middle 0", "no priority"]);
  });
});
