import { describe, it } from "node:test";
import { assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { type StandardSchemaV1, StreaqError, ValidationError } from "../../../mod.ts";
import { Validator } from "../../../src/queue/tasks/validator.ts";
import { schema } from "./schema.ts";
import { vendors } from "./vendors.ts";

const any = schema((value) => ({ value }));

function refusing(...issues: { message: string; path?: readonly unknown[] }[]): StandardSchemaV1 {
  return schema(() => ({ issues }));
}

describe("Validator.checkArguments()", () => {
  for (const { name, order, note, free } of vendors) {
    it(`returns what came out of the schemas of ${name}, without a promise`, () => {
      const validator = new Validator({ input: [order, note] }, "ship");
      const at = new Date("2027-01-01");
      assertEquals(validator.checkArguments([{ id: "17", at: "2027-01-01" }, "fragile"]), [
        { id: "17", at },
        "fragile",
      ]);
      assertEquals(validator.checkArguments([{ id: "17", at: "2027-01-01" }]), [{ id: "17", at }, undefined]);
    });

    it(`names the path and the message of an issue of ${name}, never the value`, () => {
      const validator = new Validator({ input: [order, note] }, "ship");
      const error = assertThrows(() => validator.checkArguments([{ id: "17", at: "secret" }]), ValidationError);
      assertEquals(error.message, "Invalid arguments of task ship: [0].at: Invalid date");
      assertEquals(error.issues, [{ path: "[0].at", message: "Invalid date" }]);
    });

    it(`gathers the issues of all schemas of ${name}`, () => {
      const validator = new Validator({ input: [order, note] }, "ship");
      const error = assertThrows(() => validator.checkArguments([{ id: 5, at: "2027-01-01" }, 5]), ValidationError);
      assertEquals(error.issues.map(({ path }) => path), ["[0].id", "[1]"]);
    });

    if (!free) continue;
    it(`waits for asynchronous schemas of ${name}`, async () => {
      const validator = new Validator({ input: [order, free] }, "ship");
      const checked = validator.checkArguments([{ id: "17", at: "2027-01-01" }, "free"]);
      assertInstanceOf(checked, Promise);
      assertEquals(await checked, [{ id: "17", at: new Date("2027-01-01") }, "free!"]);
      const error = await assertRejects(
        async () => void await validator.checkArguments([{ id: "17", at: "secret" }, "taken"]),
        ValidationError,
      );
      assertEquals(error.message, "Invalid arguments of task ship: [0].at: Invalid date; [1]: Taken");
    });
  }

  it("names ten issues, and how many more there are", () => {
    const issues = Array.from({ length: 1000 }, (_, i) => ({ message: `${i}`, path: [i] }));
    const error = assertThrows(
      () => new Validator({ input: [refusing(...issues)] }, "t").checkArguments([]),
      ValidationError,
    );
    const shown = Array.from({ length: 10 }, (_, i) => `[0][${i}]: ${i}`).join("; ");
    assertEquals(error.message, `Invalid arguments of task t: ${shown}; and 990 more`);
    assertEquals(error.issues.length, 1000);
  });

  it("holds more issues than a call can have arguments", () => {
    const issues = Array.from({ length: 300_000 }, () => ({ message: "no" }));
    const many = schema(() => ({ issues }));
    assertThrows(() => new Validator({ input: [many] }, "t").checkArguments([]), ValidationError, "299990 more");
  });

  it("counts an empty list of issues as a refusal", () => {
    const validator = new Validator({ input: [refusing()] }, "t");
    assertThrows(() => validator.checkArguments([1]), ValidationError, "[0]: no reason given");
  });

  it("shows paths of keys, of segments and of symbols", () => {
    const path = [{ key: "a" }, Symbol("s"), 3, { key: Symbol("t") }, "b c"];
    const error = assertThrows(
      () => new Validator({ input: [any, refusing({ message: "no", path })] }, "t").checkArguments([]),
      ValidationError,
    );
    assertEquals(error.message, 'Invalid arguments of task t: [1].a[Symbol(s)][3][Symbol(t)]["b c"]: no');
  });

  it("refuses more arguments than there are schemas, but for undefined", () => {
    const validator = new Validator({ input: [any] }, "t");
    assertEquals(validator.checkArguments([1, undefined]), [1]);
    assertThrows(
      () => validator.checkArguments([1, undefined, 3]),
      ValidationError,
      "Invalid arguments of task t: expected at most 1 argument, got 3",
    );
  });

  it("passes undefined to the schemas of missing arguments", () => {
    const given = schema((value) => ({ value: value === undefined ? "default" : value }));
    assertEquals(new Validator({ input: [given, given] }, "t").checkArguments([1]), [1, "default"]);
  });

  const cause = new Error("gotcha");
  const nonsense: Readonly<Record<string, [answer: () => unknown, cause?: string]>> = {
    "throws": [() => {
      throw cause;
    }],
    "rejects": [() => Promise.reject(cause)],
    "answers with an object that throws": [() => ({
      get issues() {
        throw cause;
      },
    })],
    "returns nothing": [() => undefined, "Expected { value } or { issues } from a schema, got undefined"],
    "returns null": [() => null, "Expected { value } or { issues } from a schema, got null"],
    "returns a text": [() => "fine", "Expected { value } or { issues } from a schema, got string"],
    "returns neither": [() => ({}), "Expected { value } or { issues } from a schema, got neither"],
    "resolves to nothing": [() => Promise.resolve(), "Expected { value } or { issues } from a schema, got undefined"],
    "returns issues that are no list": [
      () => ({ issues: 1 }),
      "Expected { value } or { issues } from a schema, got neither",
    ],
    "returns an issue that is none": [() => ({ issues: [null] })],
  };
  for (const [what, [answer, expected]] of Object.entries(nonsense)) {
    it(`throws a StreaqError with the cause for a schema that ${what}`, async () => {
      const validator = new Validator({ input: [any, schema(answer)] }, "ship");
      const error = await assertRejects(async () => void await validator.checkArguments([1, 2]), StreaqError);
      assertEquals(error.message, "Cannot check the arguments of task ship: the schema of [1] failed");
      assertInstanceOf(error.cause, Error);
      if (expected === undefined) return;
      assertEquals((error.cause as Error).message, expected);
    });
  }

  it("leaves no rejection unhandled when one schema throws and others reject", async () => {
    const failing = schema(() => Promise.reject(new Error("later")));
    const throwing = schema(() => {
      throw new Error("at once");
    });
    const validator = new Validator({ input: [failing, throwing, failing] }, "t");
    await assertRejects(
      async () => void await validator.checkArguments([1, 2, 3]),
      StreaqError,
      "schema of [0] failed",
    );
  });
});

describe("Validator.checkResult()", () => {
  for (const { name, receipt } of vendors) {
    it(`returns what came out of the schema of ${name}`, () => {
      const validator = new Validator({ input: [], output: receipt }, "ship");
      assertEquals(validator.checkResult({ total: 5 }), { total: "5" });
      const error = assertThrows(() => validator.checkResult({ total: "5" }), ValidationError);
      assertEquals(error.issues[0]!.path, ".total");
      assertEquals(error.message.split(": ").slice(0, 2), ["Invalid result of task ship", ".total"]);
    });
  }

  it("names no path for the result itself", () => {
    const validator = new Validator({ input: [], output: refusing({ message: "no" }) }, "t");
    assertThrows(() => validator.checkResult(1), ValidationError, "Invalid result of task t: no");
  });

  it("returns the result as it is without a schema", () => {
    const result = {};
    assertEquals(new Validator({ input: [] }, "t").checkResult(result), result);
  });

  it("throws a StreaqError with the cause when the schema fails", () => {
    const cause = new Error("gotcha");
    const output = schema(() => {
      throw cause;
    });
    const error = assertThrows(() => new Validator({ input: [], output }, "t").checkResult(1), StreaqError);
    assertEquals([error.message, error.cause], ["Cannot check the result of task t: its schema failed", cause]);
  });
});
