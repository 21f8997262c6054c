import { it } from "node:test";
import process from "node:process";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { StreaqError } from "../../../src/base/errors.ts";
import { behaviour } from "../behaviour.ts";
import { nextTurn, type Stage } from "../stage.ts";

async function setUp(stage: Stage) {
  const worker = await stage.worker();
  const runs: unknown[] = [];
  const note = worker.task((value: unknown) => void runs.push(value), { name: "note" });
  return { worker, note, runs };
}

behaviour("a request", (stage) => {
  it("is a promise", async () => {
    const { note } = await setUp(stage);
    const request: Promise<unknown> = note.enqueue(1);
    assert(request instanceof Promise);
    assertEquals(Object.prototype.toString.call(request), "[object Promise]");
    assertEquals(await request, await Promise.resolve(request));
  });

  it("is sent by catch() and by finally(), once, and resolves to its task", async () => {
    const { worker, note, runs } = await setUp(stage);
    const [caught, settled] = [note.enqueue("caught"), note.enqueue("settled")];
    let calls = 0;
    const tasks = [await caught.catch(() => undefined), await settled.finally(() => void calls++)];
    assertEquals(tasks, [await caught, await settled]);
    assertEquals(calls, 1);
    await worker.run({ burst: true });
    assertEquals(runs.sort(), ["caught", "settled"]);
  });

  it("passes its error to catch(), and past finally()", async () => {
    const { note } = await setUp(stage);
    const invalid = note.enqueue(new Date(0));
    const caught = await invalid.catch((error: unknown) => error);
    assert(caught instanceof StreaqError);
    await assertRejects(() => invalid.finally(() => {}), StreaqError, "Cannot serialise");
    assertEquals(await invalid.then(undefined, () => "handled"), "handled");
  });

  it("is sent when an async function returns it, and by Promise.all()", async () => {
    const { worker, note, runs } = await setUp(stage);
    // deno-lint-ignore require-await -- The function returns a promise, as most do that enqueue a task.
    const enqueue = async () => note.enqueue("returned");
    const [returned, listed] = await Promise.all([enqueue(), note.enqueue("listed")]);
    assert(returned.isNew && listed.isNew);
    await worker.run({ burst: true });
    assertEquals(runs.sort(), ["listed", "returned"]);
  });

  it("never causes an unhandled rejection if it is not awaited", async () => {
    const { note } = await setUp(stage);
    const unhandled: unknown[] = [];
    const listen = (reason: unknown) => unhandled.push(reason);
    process.on("unhandledRejection", listen);
    const invalid = note.enqueue(new Date(0));
    const piped = note.enqueue(Symbol("no")).pipe(note as never);
    await nextTurn();
    await assertRejects(async () => await invalid, StreaqError);
    await assertRejects(async () => await piped, StreaqError);
    await nextTurn();
    process.off("unhandledRejection", listen);
    assertEquals(unhandled, []);
  });
});
