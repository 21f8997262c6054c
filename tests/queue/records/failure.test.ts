import { it } from "node:test";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { StreaqCancelled, StreaqError, TimeoutError, ValidationError } from "../../../src/base/errors.ts";
import { behaviour } from "../behaviour.ts";
import { Lines } from "../stage.ts";

behaviour("a failure", (stage) => {
  class CustomError extends Error {
    override name = "CustomError";
  }
  const hostile = {
    get message() {
      throw new Error("gotcha");
    },
    get name() {
      throw new Error("gotcha");
    },
  };
  const thrown: [unknown, { name: string; message: string; type: new (message: string) => Error }][] = [
    [new TypeError("t"), { name: "TypeError", message: "t", type: TypeError }],
    [new StreaqError("s"), { name: "StreaqError", message: "s", type: StreaqError }],
    [new StreaqCancelled("c"), { name: "StreaqCancelled", message: "c", type: StreaqCancelled }],
    [new TimeoutError("o"), { name: "TimeoutError", message: "o", type: TimeoutError }],
    [new ValidationError("v"), { name: "ValidationError", message: "v", type: ValidationError }],
    [new CustomError("own"), { name: "CustomError", message: "own", type: Error }],
    [new DOMException("d", "DataError"), { name: "DataError", message: "d", type: Error }],
    ["text", { name: "Error", message: "Thrown: text", type: Error }],
    [undefined, { name: "Error", message: "Thrown: undefined", type: Error }],
    [null, { name: "Error", message: "Thrown: null", type: Error }],
    [Object.create(null), { name: "Error", message: "Thrown: object", type: Error }],
    [hostile, { name: "Error", message: "Thrown: [object Object]", type: Error }],
  ];
  for (const [value, { name, message, type }] of thrown) {
    it(`keeps its name, message and type: ${message}`, async () => {
      const worker = await stage.worker();
      const fail = worker.task(function fail() {
        throw value;
      });
      const task = await fail.enqueue();
      await worker.run({ burst: true });
      const { exception } = await task.result();
      assertEquals([exception!.name, exception!.message], [name, message]);
      assert(exception instanceof type);
    });
  }

  it("replaces a result that cannot be serialised", async () => {
    const lines = new Lines();
    const worker = await stage.worker({ logger: lines });
    const circular: unknown[] = [];
    circular.push(circular);
    const hostile = {
      get secret() {
        throw new Error("gotcha");
      },
    };
    const values: unknown[] = [circular, 1n, () => 1, new Date(), hostile, {
      toJSON: () => {
        throw new Error("no");
      },
    }];
    const give = worker.task((i: number) => values[i], { name: "give" });
    const tasks = await worker.enqueueMany(values.map((_, i) => give.enqueue(i)));
    await worker.run({ burst: true });
    for (const task of tasks) {
      const { exception } = await task.result();
      assertStringIncludes(exception!.message, "Cannot serialise the result of task give");
    }
    assertEquals(worker.counters, { completed: 0, failed: values.length, retried: 0, aborted: 0, relinquished: 0 });
    assertEquals(lines.with("×").length, values.length);
    await stage.assertClean(worker);
  });

  it("replaces a result that exceeds maxPayload", async () => {
    const worker = await stage.worker({ maxPayload: 1000 });
    const big = worker.task(() => "x".repeat(2000), { name: "big" });
    const loud = worker.task(() => {
      throw new Error("y".repeat(100_000));
    }, { name: "loud" });
    const tasks = await worker.enqueueMany([big.enqueue(), loud.enqueue()]);
    await worker.run({ burst: true });
    assertStringIncludes((await tasks[0].result()).exception!.message, "at most 1000 bytes (maxPayload)");
    assertStringIncludes((await tasks[1].result()).exception!.message, "yyy");
  });
});
