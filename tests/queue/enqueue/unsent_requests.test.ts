import { it } from "node:test";
import { assertEquals } from "@std/assert";
import type { Worker } from "../../../src/queue/worker.ts";
import { collectGarbage } from "../../support/collect_garbage.ts";
import { eventually } from "../../support/poll.ts";
import { behaviour } from "../behaviour.ts";
import { Lines, nextTurn, type Stage } from "../stage.ts";

async function setUp(stage: Stage) {
  const lines = new Lines();
  const worker = await stage.worker({ logger: lines });
  const task = (name: string) => worker.task((value: number) => value, { name });
  return { worker, task, lines };
}

/** Drops requests of `names`; resolves when there is a warning of each. */
async function dropAndCollect(worker: Worker, lines: Lines, names: readonly string[]): Promise<void> {
  await eventually(async () => {
    // A runtime that looks for references on the stack may take an old value for one.
    for (const name of names) worker.enqueueUnsafe(name, 1).start({ priority: "normal" });
    await nextTurn();
    collectGarbage();
    return names.every((name) => lines.with(`task ${name} was not enqueued`).length > 0);
  }, { timeout: 30_000, message: `warnings of ${names.join(", ")}` });
}

behaviour("a request that is dropped without being sent", (stage) => {
  it("is warned of, once for each name of a task", async () => {
    const { worker, lines } = await setUp(stage);
    await dropAndCollect(worker, lines, ["first", "second"]);
    await dropAndCollect(worker, lines, ["first", "third"]);
    assertEquals(lines.problems.sort(), [
      "warn task first was not enqueued: its request was dropped without being awaited",
      "warn task second was not enqueued: its request was dropped without being awaited",
      "warn task third was not enqueued: its request was dropped without being awaited",
    ]);
  });

  it("is warned of if it is the first of a pipeline, and only that", async () => {
    const { worker, task, lines } = await setUp(stage);
    const [first, second] = [task("first"), task("second")];
    await eventually(async () => {
      first.enqueue(1).pipe(second).pipe(second);
      await nextTurn();
      collectGarbage();
      return lines.problems.length > 0;
    }, { timeout: 30_000 });
    await dropAndCollect(worker, lines, ["sentinel"]);
    assertEquals(lines.problems.map((line) => line.split(" ")[2]), ["first", "sentinel"]);
  });

  it("is not warned of while it can still be sent, or once it was", async () => {
    const { worker, task, lines } = await setUp(stage);
    const [kept, later] = [task("kept").enqueue(1), task("later").enqueue(1)];
    await (async () => {
      const [awaited, many, piped] = [task("awaited"), task("many"), task("piped")];
      await awaited.enqueue(1);
      await worker.enqueueMany(Array.from({ length: 300 }, (_, i) => many.enqueue(i)));
      await awaited.enqueue(1).pipe(piped).pipe(piped);
      const early = many.enqueue(1);
      await nextTurn();
      await early;
      await task("refused").enqueue(Symbol("no") as never).catch(() => {});
      await worker.enqueueMany([task("refused together").enqueue(Symbol("no") as never)]).catch(() => {});
      await nextTurn();
    })();
    await dropAndCollect(worker, lines, ["sentinel"]);
    await later;
    await dropAndCollect(worker, lines, ["other sentinel"]);
    assertEquals(lines.problems.map((line) => /task (.*) was not/.exec(line)?.[1]), ["sentinel", "other sentinel"]);
    assertEquals((await kept).isNew, true);
  });
});
