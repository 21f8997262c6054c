import { it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { behaviour } from "../behaviour.ts";
import { running, sleep } from "../stage.ts";

behaviour("priorities", (stage) => {
  /** A worker with a task that notes what runs. */
  async function setUp(prefetch: number) {
    const worker = await stage.worker({ priorities: ["low", "middle", "high"], concurrency: 1, prefetch });
    const ran: string[] = [];
    const note = worker.task(async (name: string) => {
      ran.push(name);
      await sleep(10);
    }, { name: "note" });
    const enqueue = (priority: string, count: number) =>
      worker.enqueueMany(Array.from({ length: count }, (_, i) => note.enqueue(`${priority} ${i}`).start({ priority })));
    return { worker, ran, enqueue };
  }

  for (const prefetch of [0, 16]) {
    it(`run highest first and oldest first, however they were enqueued, with a prefetch of ${prefetch}`, async () => {
      const { worker, ran, enqueue } = await setUp(prefetch);
      await enqueue("low", 3);
      await enqueue("high", 3);
      await enqueue("middle", 2);
      await worker.run({ burst: true });
      assertEquals(ran, ["high 0", "high 1", "high 2", "middle 0", "middle 1", "low 0", "low 1", "low 2"]);
      await stage.assertClean(worker);
    });
  }

  it("let what comes on a high one overtake what is buffered of a low one", async () => {
    const { worker, ran, enqueue } = await setUp(16);
    const lows = await enqueue("low", 60);
    const run = running(worker);
    await lows[20]!.result();
    const before = ran.length;
    const [high] = await enqueue("high", 1);
    await high!.result();
    // One that was about to start, and one that was started before the new one was seen.
    assert(ran.indexOf("high 0") <= before + 3, `${ran.indexOf("high 0") - before} low ones came first`);
    await run.stop();
  });

  it("send a task that names none to the lowest", async () => {
    const { worker, ran, enqueue } = await setUp(0);
    const note = worker.registry.get("note")!;
    await note.enqueue("no priority");
    await enqueue("middle", 1);
    await worker.run({ burst: true });
    assertEquals(ran, ["middle 0", "no priority"]);
  });
});
