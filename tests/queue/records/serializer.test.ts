import { describe, it } from "node:test";
import { runInNewContext } from "node:vm";
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "fast-check";
import { jsonSerializer } from "../../../src/queue/records/json_serializer.ts";
import { UnserialisableError } from "../../../src/queue/records/unserialisable_error.ts";
import { same } from "./same.ts";
import { hostile, oddities } from "./values.ts";

const encoder = new TextEncoder();

function roundTrip(value: unknown): unknown {
  return jsonSerializer.deserialize(encoder.encode(jsonSerializer.serialize(value) as string));
}

describe("jsonSerializer.serialize()", () => {
  const taken: [string, unknown][] = [
    ["primitives", [1, -1.5, 2 ** 60, 5e-324, "x", "", true, false, null]],
    ["-0", [-0, { zero: -0, not: 0 }, "-0"]],
    ["unusual strings", ["\0\r\n\u2028\u2029", "ü😀", "\ud800", '"\\', "__proto__"]],
    ["unusual property names", { "": 1, "a b": 2, constructor: 3, length: 4, toString: 5, "0": 6 }],
    ["an own __proto__", JSON.parse('{"__proto__":{"polluted":1},"a":{"__proto__":null}}')],

    ["999 levels", nest(999)],
  ];
  for (const [kind, value] of taken) {
    it(`keeps ${kind}`, () => {
      assert(same(roundTrip(value), value));
      assertEquals(({} as { polluted?: 1 }).polluted, undefined);
    });
  }

  for (const value of [1, -0, "x", true, null, [], {}]) {
    it(`keeps ${Object.is(value, -0) ? "-0" : JSON.stringify(value)} at the top`, () => {
      assert(same(roundTrip(value), value));
    });
  }

  it("drops undefined properties", () => {
    assertEquals(roundTrip({ a: undefined, b: 1 }), { b: 1 });
  });

  it("copies a value that occurs twice", () => {
    assertEquals(roundTrip(Array(2).fill({ a: 1 })), [{ a: 1 }, { a: 1 }]);
  });

  it("accepts plain objects and arrays of another realm", () => {
    assertEquals(roundTrip(runInNewContext("({ a: [1, {}] })")), { a: [1, {}] });
  });

  const refused: [string, unknown, string][] = [
    ...oddities,
    ["a Date", new Date(), ""],
    ["a bigint", 1n, ""],
    ["a Map", new Map(), ""],
    ["a Set", new Set(), ""],
    ["an? Uint8Array", new Uint8Array(2), ""],
    ["an ArrayBuffer", new ArrayBuffer(2), ""],
    ["a RegExp", /x/, ""],
    ["a URL", new URL("https://example.org"), ""],
    ["NaN", NaN, ""],
    ["Infinity", Infinity, ""],
    ["-Infinity", -Infinity, ""],
    ["undefined", [1, undefined], "[1]"],
    ["undefined", [1, , 2], "[1]"],
    ["an object with a toJSON method", { toJSON: () => 1 }, ""],
    ["an object with a toJSON method", Object.defineProperty({}, "toJSON", { value: () => 1 }), ""],
    ["a Date", runInNewContext("new Date()"), ""],
  ];
  it("accepts an object without a prototype, which gets one when it is read", () => {
    const match = /(?<year>\d+)/.exec("in 2026")!;
    assertEquals(jsonSerializer.serialize({ ...match.groups }), jsonSerializer.serialize(match.groups));
  });

  for (const [what, value, path] of refused) {
    it(`refuses ${what}${path && `, at ${path}`}`, () => {
      const error = assertThrows(() => jsonSerializer.serialize({ f: [{ x: value }] }), UnserialisableError);
      assertEquals(error.path.join(""), `.f[0].x${path}`);
      assert(new RegExp(`^${what}$`).test(error.what), error.what);
    });
  }

  for (const value of [undefined, 1n, NaN, () => 1, Symbol("x")]) {
    it(`refuses ${String(value)} at the top`, () => {
      assertThrows(() => jsonSerializer.serialize(value), UnserialisableError, "at the top");
    });
  }

  it("refuses a circular value, and one of more than 1000 levels, in a short message", () => {
    const list: unknown[] = [];
    list.push({ list });
    for (const value of [list, nest(100_000)]) {
      const error = assertThrows(() => jsonSerializer.serialize(value), UnserialisableError, "or in itself");
      assert(error.message.length < 300);
    }
  });

  it("quotes and shortens unusual names in a path", () => {
    const value = { "a b": [{ "ü": { ["x".repeat(1000)]: NaN } }] };
    const { path } = assertThrows(() => jsonSerializer.serialize(value), UnserialisableError);
    assertEquals(path, ['["a b"]', "[0]", ".ü", `["${"x".repeat(100)}…"]`]);
  });

  it("never quotes a value or the error of a getter", () => {
    const values = [
      hostile("s3cret"),
      {
        get a() {
          throw new Error("s3cret");
        },
      },
      new Error("s3cret"),
      Symbol("s3cret"),
    ];
    for (const value of values) {
      const error = assertThrows(() => jsonSerializer.serialize({ value }), UnserialisableError);
      assert(!error.message.includes("s3cret"), error.message);
    }
  });

  it("round-trips every value that it accepts", () => {
    fc.assert(fc.property(
      fc.anything({
        withDate: true,
        withMap: true,
        withBigInt: true,
        withNullPrototype: true,
        withSparseArray: true,
        withTypedArray: true,
      }),
      (value) => {
        let text;
        try {
          text = jsonSerializer.serialize({ value }) as string;
        } catch (error) {
          return error instanceof UnserialisableError && error.path[0] === ".value";
        }
        return same(JSON.parse(text), withoutUndefined({ value }));
      },
    ));
  });
});

describe("jsonSerializer.deserialize()", () => {
  it("throws for text that is not JSON", () => {
    for (const text of ["", "{", "undefined", "{'a':1}", "\ufffd"]) {
      assertThrows(() => jsonSerializer.deserialize(encoder.encode(text)));
    }
  });
});

describe("UnserialisableError", () => {
  it("names the serializer, the value and its path", () => {
    const { message } = new UnserialisableError("JSON", "a Date", ["a", 0, "when"]);
    assertStringIncludes(message, "JSON cannot hold a Date at .a[0].when");
  });
});

function nest(levels: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < levels; i++) value = i % 2 ? { value } : [value];
  return value;
}

/** Copies a value without its undefined properties, as JSON does. */
function withoutUndefined(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutUndefined);
  if (typeof value !== "object" || value === null) return value;
  const result: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    if (item === undefined) continue;
    Object.defineProperty(result, key, {
      value: withoutUndefined(item),
      writable: true,
      enumerable: true,
      configurable: true,
    });
  }
  return result;
}
