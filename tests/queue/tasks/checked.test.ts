import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { checked, type StandardSchemaV1, StreaqError, ValidationError, Worker } from "../../../mod.ts";
import { Lines } from "../stage.ts";
import { noting, schema } from "./schema.ts";
import { vendors } from "./vendors.ts";

const any = schema((value) => ({ value }));

/** `checked` without its types, for uses that they refuse. */
const untyped = checked as (...args: unknown[]) => unknown;

describe("checked()", () => {
  for (const { name, order, note, shout, receipt, free } of vendors) {
    it(`returns a function that checks its arguments with ${name}, and gets what came out`, async () => {
      const ship = checked([order, note, shout], (order, note, text) => [order.at.getTime(), note, text]);
      const time = Date.parse("2027-01-01");
      assertEquals(await ship({ id: "17", at: "2027-01-01" }, undefined, "now"), [time, undefined, "now!"]);
      await assertRejects(
        () => ship({ id: "17", at: "secret" }, "fragile", "now"),
        ValidationError,
        "Invalid arguments of a function without a name: [0].at: Invalid date",
      );
    });

    it(`returns a function that checks its result with ${name}`, async () => {
      const totals = checked([any], function total(value) {
        return { total: value as number };
      }, receipt);
      assertEquals(await totals(5), { total: "5" });
      await assertRejects(() => totals("5"), ValidationError, "Invalid result of task total: .total: ");
    });

    if (!free) continue;
    it(`waits for asynchronous schemas of ${name}`, async () => {
      const take = checked([free], (word) => word, free);
      assertEquals(await take("free"), "free!!");
      await assertRejects(() => take("taken"), ValidationError, "[0]: Taken");
    });
  }

  it("keeps the name of the function", () => {
    assertEquals(checked([], function ship() {}).name, "ship");
    assertEquals(checked([], () => {}).name, "");
  });

  it("does not call the function when its arguments are invalid", async () => {
    let calls = 0;
    const never = checked([schema(() => ({ issues: [{ message: "no" }] }))], () => void calls++);
    await assertRejects(() => never(1), ValidationError);
    assertEquals(calls, 0);
  });

  it("rejects with what the function throws", async () => {
    const error = new RangeError("far");
    const fail = checked([], () => {
      throw error;
    });
    assertEquals(await assertRejects(() => fail()), error);
  });

  it("can be bound, and still checks", async () => {
    const ship = checked([schema<string>(() => ({ issues: [{ message: "no" }] }))], function ship(_text) {}).bind(null);
    await assertRejects(() => ship("x"), ValidationError);
    const worker = new Worker();
    const task = worker.task("ship", ship);
    await assertRejects(() => task("x"), ValidationError);
    await worker.close();
  });

  it("is not affected by later changes of the list of schemas", async () => {
    const schemas: StandardSchemaV1[] = [any];
    const echo = checked(schemas, (value) => value);
    schemas.length = 0;
    assertEquals(await echo(1), 1);
  });

  it("can be registered, and checks once when the task is called", async () => {
    const seen: unknown[] = [];
    const worker = new Worker();
    const echo = worker.task("echo", checked([noting<number>(seen)], (value) => value, noting<number>(seen)));
    assertEquals([await echo(1), seen], [1, [1, 1]]);
    await worker.close();
  });

  it("names the task by the name under which it is registered", async () => {
    const worker = new Worker();
    const no = schema<string>(() => ({ issues: [{ message: "no" }] }));
    const ship = worker.task("orders-ship", checked([no], function ship() {}));
    await assertRejects(() => ship("x"), ValidationError, "Invalid arguments of task orders-ship: [0]: no");
    await worker.close();
  });

  it("is refused without a name like any other function", async () => {
    const worker = new Worker();
    assertThrows(() => worker.task(checked([any], () => {})), StreaqError, "expected a named function");
    await worker.close();
  });

  it("can be nested, and both check", async () => {
    const seen: unknown[] = [];
    const inner = checked([noting<number>(seen)], (value) => value + 1);
    assertEquals(await checked([noting<number>(seen)], inner)(1), 2);
    assertEquals(seen, [1, 1]);
  });

  it("works with another copy of the library", async () => {
    const folder = await mkdtemp(join(tmpdir(), "streaq-copy-"));
    for (const part of ["base", "queue/tasks"]) {
      await cp(new URL(`../../../src/${part}`, import.meta.url), join(folder, part), { recursive: true });
    }
    await writeFile(join(folder, "package.json"), '{ "type": "module" }');
    const url = pathToFileURL(join(folder, "queue/tasks/checked.ts")).href;
    const { checked: copy } = await import(url) as { checked: typeof checked };
    await rm(folder, { recursive: true });
    assert(copy !== checked);
    const seen: unknown[] = [];
    const worker = new Worker({ redisUrl: "memory://", handleSignals: false, logger: new Lines() });
    const echo = worker.task("echo", copy([noting<number>(seen)], (value) => value));
    await echo.enqueue(1);
    await worker.run({ burst: true });
    assertEquals(seen, [1, 1]);
    await worker.close();
  });

  class Order {}
  const wrong: Readonly<Record<string, [args: unknown[], message: string]>> = {
    "no array": [[any, function ship() {}], "Cannot check function ship: expected an array of schemas, got object"],
    "a text among the schemas": [
      [[any, "text"], function ship() {}],
      "Cannot check function ship: expected a schema at index 1, got string",
    ],
    "nothing among the schemas": [
      [[null], function ship() {}],
      "Cannot check function ship: expected a schema at index 0, got null",
    ],
    "a hole among the schemas": [
      [new Array(1), () => {}],
      "Cannot check function without a name: expected a schema at index 0, got undefined",
    ],
    "another version": [
      [[{ "~standard": { version: 2, validate: () => {} } }], function ship() {}],
      "Cannot check function ship: expected a schema at index 0 by version 1 of Standard Schema, got version 2",
    ],
    "a schema that cannot validate": [
      [[any, { "~standard": { version: 1 } }], function ship() {}],
      "Cannot check function ship: expected a schema at index 1, got one without a function to validate",
    ],
    "a result schema that is none": [
      [[], function ship() {}, {}],
      "Cannot check function ship: expected a schema of its result, got object",
    ],
    "a result schema of null": [
      [[], function ship() {}, null],
      "Cannot check function ship: expected a schema of its result, got null",
    ],
    "no function": [[[any]], "Cannot check arguments: expected a function, got undefined"],
    "the function first": [[() => {}, [any]], "Cannot check arguments: expected a function, got object"],
    "a class": [[[any], Order], "Cannot check arguments: expected a function, got class Order"],
  };
  for (const [what, [args, message]] of Object.entries(wrong)) {
    it(`throws a TypeError at once for ${what}`, () => {
      assertEquals(assertThrows(() => untyped(...args), TypeError).message, message);
    });
  }
});
