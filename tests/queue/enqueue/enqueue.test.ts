import { it } from "node:test";
import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { StreaqError } from "../../../src/base/errors.ts";
import type { EnqueueRequest } from "../../../src/queue/enqueue/registered_task.ts";
import { TaskStatus } from "../../../src/queue/inspect/task_status.ts";
import { behaviour } from "../behaviour.ts";
import type { Stage } from "../stage.ts";

async function setUp(stage: Stage, options = {}) {
  const worker = await stage.worker(options);
  const runs: unknown[] = [];
  const note = worker.task(async function note(value: unknown, _other?: unknown) {
    await Promise.resolve();
    runs.push(value);
    return value;
  });
  return { worker, runs, note };
}

behaviour("RegisteredTask", (stage) => {
  it("runs its function directly when it is called", async () => {
    const { note, runs } = await setUp(stage);
    assertEquals(await note(7), 7);
    assertEquals(runs, [7]);
  });

  it("returns a promise for the result or error of a synchronous function", async () => {
    const { worker } = await setUp(stage);
    const half = worker.task(function half(value: number) {
      if (value % 2) throw new RangeError("odd");
      return value / 2;
    });
    assertEquals(await half(4), 2);
    await assertRejects(() => half(3), RangeError, "odd");
  });

  it("has a name, a worker and options", async () => {
    const { worker } = await setUp(stage);
    const task = worker.task(() => 1, { name: "one", maxTries: 2 });
    assertEquals([task.fnName, task.options.maxTries], ["one", 2]);
    assert(task.worker === worker);
    assert(worker.registry.get("one") === task);
  });
});

behaviour("enqueue()", (stage) => {
  it("sends nothing until it is awaited", async () => {
    const { note } = await setUp(stage);
    const request = note.enqueue(1);
    assertMatch(request.id, /^[0-9a-f]{32}$/);
    assertEquals(await request.status(), TaskStatus.NotFound);
    const task = await request;
    assertEquals(task.id, request.id);
    assertEquals(await task.status(), TaskStatus.Queued);
  });

  it("sends once, however often it is awaited", async () => {
    const { worker, note, runs } = await setUp(stage);
    const request = note.enqueue(1);
    const [a, b] = await Promise.all([request, request]);
    assert(a === b && await request === a);
    await worker.run({ burst: true });
    assertEquals(runs, [1]);
  });

  it("sends once, even if the request is also given to enqueueMany()", async () => {
    const { worker, note, runs } = await setUp(stage);
    const request = note.enqueue(1);
    const [task] = await worker.enqueueMany([request]);
    assert(await request === task);
    await worker.run({ burst: true });
    assertEquals(runs, [1]);
  });

  it("does not enqueue an id again while its task exists or after it has finished", async () => {
    const { worker, note, runs } = await setUp(stage);
    await note.enqueue(1).start({ id: "order-17" });
    await note.enqueue(2).start({ id: "order-17" });
    await worker.run({ burst: true });
    const task = await note.enqueue(3).start({ id: "order-17" });
    await worker.run({ burst: true });
    assertEquals(runs, [1]);
    assertEquals((await task.result()).result, 1);
  });

  it("does not enqueue an id again after its task has finished without keeping its result", async () => {
    const { worker } = await setUp(stage);
    let runs = 0;
    const brief = worker.task(() => ++runs, { name: "brief", ttl: 0 });
    await brief.enqueue().start({ id: "once" });
    await worker.run({ burst: true });
    const task = await brief.enqueue().start({ id: "once" });
    await worker.run({ burst: true });
    assertEquals(runs, 1);
    assertEquals(await task.status(), TaskStatus.Done);
    await assertRejects(() => task.result(), StreaqError, "once");
  });

  it("enqueues one task for two requests with the same id in a batch", async () => {
    const { worker, note, runs } = await setUp(stage);
    await Promise.all([note.enqueue(1).start({ id: "same" }), note.enqueue(2).start({ id: "same" })]);
    await worker.enqueueMany([note.enqueue(3).start({ id: "same" }), note.enqueue(4).start({ id: "same" })]);
    await worker.run({ burst: true });
    assertEquals(runs, [1]);
  });

  it("refuses an invalid option at once", async () => {
    const { note } = await setUp(stage, { priorities: ["low", "high"] });
    assertThrows(() => note.enqueue(1).start({ priority: "urgent" }), StreaqError, "urgent");
    for (const id of ["", "x".repeat(513), "\ud800", 7 as unknown as string]) {
      assertThrows(() => note.enqueue(1).start({ id }), StreaqError, "Cannot use id");
    }
    const request = note.enqueue(1);
    await request;
    assertThrows(() => request.start({ priority: "low" }), StreaqError, request.id);
  });

  it("rejects when its signal is aborted", async () => {
    const { note } = await setUp(stage);
    const signal = AbortSignal.abort(new RangeError("enough"));
    await assertRejects(async () => await note.enqueue(1).start({ signal }), RangeError, "enough");
  });

  const strange = ["ünï·😀", "with space", "a:b", "{}", "*?[]", "nul\0", "cr\r\nlf", "__proto__", "constructor"];
  for (const id of strange) {
    it(`accepts ${JSON.stringify(id)} as an id and as an argument`, async () => {
      const { worker, note } = await setUp(stage);
      const task = await note.enqueue(id).start({ id });
      assertEquals((await task.info())?.args, [id]);
      await worker.run({ burst: true });
      assertEquals((await task.result()).result, id);
      assertEquals((await worker.resultById(id)).taskId, id);
      await stage.assertClean(worker);
    });
  }
});

behaviour("arguments", (stage) => {
  it("arrive unchanged", async () => {
    const { worker, note, runs } = await setUp(stage);
    const value = JSON.parse('{"a":[1,2.5,-0.1,null,true,"x"],"b":{"c":{}},"__proto__":{"x":1},"ü":"😀\\u0000\\r\\n"}');
    await note.enqueue(value);
    await worker.run({ burst: true });
    assertEquals(JSON.stringify(runs), JSON.stringify([value]));
    assertEquals(Object.getPrototypeOf(runs[0]), Object.prototype);
    assertEquals(({} as Record<string, unknown>).x, undefined);
  });

  it("are sent without trailing undefined values, so that defaults apply", async () => {
    const { worker } = await setUp(stage);
    const sum = worker.task(function sum(a: number, b = 10, c = 100) {
      return a + b + c;
    });
    const task = await sum.enqueue(1, undefined, undefined);
    await worker.run({ burst: true });
    assertEquals((await task.result()).result, 111);
  });

  class Money {
    readonly amount = 1n;
  }
  const circular: Record<string, unknown> = {};
  circular.self = circular;
  const refused: [unknown, string][] = [
    [{ when: new Date() }, "args[0].when"],
    [[1, [2n]], "args[0][1][0]"],
    [new Map(), "a Map at args[0]"],
    [{ list: [new Set()] }, "args[0].list[0]"],
    [new Uint8Array(2), "a Uint8Array"],
    [NaN, "NaN at args[0]"],
    [[undefined], "undefined at args[0][0]"],
    [() => 1, "a function"],
    [Symbol("x"), "a symbol"],
    [new Money(), "a Money at args[0]"],
    [circular, "in itself"],
    [new Error("x"), "an? Error"],
  ];
  for (const [value, message] of refused) {
    it(`are refused if JSON would change them: ${message}`, async () => {
      const { note } = await setUp(stage);
      const error = await assertRejects(async () => await note.enqueue(value), StreaqError, "task note");
      assertMatch((error as Error).message, new RegExp(message.replaceAll(/[[\]]/g, "\\$&")));
      assertEquals(await note.enqueue(value).status(), "missing");
    });
  }

  it("are refused one byte over maxPayload, and nothing is written", async () => {
    const { worker, note, runs } = await setUp(stage, { maxPayload: 1000 });
    const overhead = JSON.stringify({ f: "note", a: [""], k: {}, t: Date.now(), i: "0".repeat(32) }).length;
    const fits = "x".repeat(1000 - overhead);
    await note.enqueue(fits);
    await assertRejects(async () => await note.enqueue(fits + "x"), StreaqError, "got 1001");
    await assertRejects(
      async () => await note.enqueue("ü".repeat(600)),
      StreaqError,
      "at most 1000 bytes (maxPayload)",
    );
    await worker.run({ burst: true });
    assertEquals(runs, [fits]);
  });

  it("of 64 MiB are refused before anything is written", async () => {
    const { note } = await setUp(stage);
    const request = note.enqueue("x".repeat(64 * 1024 * 1024));
    await assertRejects(async () => await request, StreaqError, "maxPayload");
    assertEquals(await request.status(), "missing");
  });
});

behaviour("enqueueMany()", (stage) => {
  it("returns the tasks in order, even if they are too many for one call", async () => {
    const { worker, note, runs } = await setUp(stage, { concurrency: 100 });
    const requests = Array.from({ length: 1234 }, (_, i) => note.enqueue(i));
    const tasks = await worker.enqueueMany(requests);
    assertEquals(tasks.map(({ id }) => id), requests.map(({ id }) => id));
    await worker.run({ burst: true });
    assertEquals(runs.length, 1234);
    assertEquals(new Set(runs).size, 1234);
    await stage.assertClean(worker);
  });

  it("returns an empty list for an empty list", async () => {
    const { worker } = await setUp(stage);
    assertEquals(await worker.enqueueMany([]), []);
  });

  it("refuses a value that is not a request, or cannot be serialised, before it sends anything", async () => {
    const { worker, note } = await setUp(stage);
    const good = note.enqueue(1);
    await assertRejects(() => worker.enqueueMany([good, 1 as unknown as EnqueueRequest<number>]), TypeError, "index 1");
    await assertRejects(() => worker.enqueueMany([good, note.enqueue(1n)]), StreaqError, "bigint");
    assertEquals(await good.status(), "missing");
  });
});

behaviour("priorities", (stage) => {
  it("run from highest to lowest, and the lowest is the default", async () => {
    const { worker, note, runs } = await setUp(stage, {
      priorities: ["low", "mid", "high"],
      concurrency: 1,
      prefetch: 0,
    });
    await note.enqueue("low");
    await note.enqueue("mid").start({ priority: "mid" });
    await note.enqueue("high").start({ priority: "high" });
    await note.enqueue("low too").start({ priority: "low" });
    await worker.run({ burst: true });
    assertEquals(runs, ["high", "mid", "low", "low too"]);
  });
});
