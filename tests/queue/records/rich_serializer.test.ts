import { describe, it } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { richSerializer } from "../../../src/queue/records/rich_serializer.ts";
import { UnserialisableError } from "../../../src/queue/records/unserialisable_error.ts";
import { same } from "./same.ts";
import { oddities } from "./values.ts";

const encoder = new TextEncoder();

function read(text: string): unknown {
  return richSerializer.deserialize(encoder.encode(text));
}

function roundTrip<T>(value: T): T {
  return read(richSerializer.serialize(value) as string) as T;
}

function refusal(value: unknown): UnserialisableError {
  return assertThrows(() => richSerializer.serialize(value), UnserialisableError);
}

describe("richSerializer.serialize()", () => {
  const bytes = new Uint8Array([0, 1, 127, 128, 255, 7, 8, 9]);
  const taken: [string, unknown][] = [
    ["JSON values", { a: [1, "x", null, true, {}], "": "\ud800\0\u2028</script>" }],
    ["undefined", [undefined, { a: undefined }]],
    ["NaN, infinities and -0", [NaN, Infinity, -Infinity, -0, { zero: -0 }]],
    ["big integers", [0n, -1n, 2n ** 200n]],
    ["dates", [new Date(0), new Date("2026-02-28T12:34:56.789Z"), new Date(8.64e15), new Date(NaN)]],
    ["maps", new Map<unknown, unknown>([["a", 1], [{ k: 1 }, new Map([[NaN, -0]])], [undefined, undefined]])],
    ["sets", new Set<unknown>([1, "1", new Set([[]]), undefined])],
    ["expressions", [/a/, /[/\]\n]+/giu, /(?:)/]],
    ["bytes", [bytes, new Uint8ClampedArray(bytes), new Int8Array(bytes), new Uint8Array()]],
    ["integers", [Int16Array, Uint16Array, Int32Array, Uint32Array].map((type) => type.from([0, 1, 32767]))],
    ["fractions", [new Float32Array([1.5, NaN, -0]), new Float64Array([0.1, Infinity])]],
    ["64 bits", [new BigInt64Array([-1n]), new BigUint64Array([2n ** 64n - 1n])]],
    ["buffers", [bytes.buffer, new ArrayBuffer(0), new DataView(bytes.buffer)]],
    ["parts of a buffer", [bytes.subarray(2, 4), new Uint16Array(bytes.buffer, 2, 2)]],
    // deno-lint-ignore no-sparse-arrays
    ["holes", [[, 1], [1, , undefined], new Array(5), Object.assign([], { 100_000: 1 })]],
    ["objects without a prototype", Object.assign(Object.create(null), { a: Object.create(null) })],
    ["1000 levels", nest(999)],
  ];
  for (const [kind, value] of taken) {
    it(`keeps ${kind}`, () => assert(same(roundTrip({ value }), { value })));
  }

  for (const value of [undefined, NaN, -0, 1n, "x", new Date(1), /x/g]) {
    it(`keeps ${Object.is(value, -0) ? "-0" : String(value)} at the top`, () => {
      assert(same(roundTrip(value), value));
    });
  }

  it("keeps URLs and their queries", () => {
    const value = { url: new URL("https://ada@example.org/ü?a=1&a=2#x"), query: new URLSearchParams("a=1&b=%26") };
    const { url, query } = roundTrip(value);
    assert(url instanceof URL && query instanceof URLSearchParams);
    assertEquals([url.href, query.toString()], [value.url.href, "a=1&b=%26"]);
  });

  it("keeps shared references and cycles", () => {
    const one = { at: new Date(1) };
    const buffer = new ArrayBuffer(4);
    const map = new Map<unknown, unknown>([[one, one]]);
    map.set("self", map);
    const [a, b, bytes, whole, back] = roundTrip([one, one, new Uint8Array(buffer), buffer, map] as const);
    assert(a === b && bytes.buffer === whole && back.get(a) === a && back.get("self") === back);
  });

  it("stores no more of a buffer than the part of its view", () => {
    const all = encoder.encode("before, wanted, s3cret");
    const text = richSerializer.serialize(all.subarray(8, 14)) as string;
    assert(text.length < 50);
    assertEquals(new TextDecoder().decode(roundTrip(all.subarray(8, 14))), "wanted");
  });

  const refused: [string, unknown, string][] = [
    ...oddities,
    ["a property named __proto__", JSON.parse('{"__proto__":1}'), ""],
    ["a Date with additional properties", Object.assign(new Date(), { zone: "UTC" }), ""],
    ["a RegExp with a lastIndex", Object.assign(/x/g, { lastIndex: 1 }), ""],
    ["a SharedArrayBuffer", new Uint8Array(new SharedArrayBuffer(2)), ".buffer"],
    ["a value that throws when it is read", Object.create(Date.prototype), ""],
    ["a value that throws when it is read", Object.create(Map.prototype), ""],
    ["an array with holes and more than 1000000 elements", new Array(1_000_001), ""],
    ["a function", new Map([[1, [() => 1]]]), '["value 0"][0]'],
    ["a symbol", new Map([[1, 1], [Symbol("x") as never, 2]]), '["key 1"]'],
    ["a function", new Set([1, { a: () => 1 }]), '["value 1"].a'],
  ];
  for (const [what, value, path] of refused) {
    it(`refuses ${what}${path && `, at ${path}`}`, () => {
      const error = refusal({ f: [{ x: value }] });
      assertEquals(error.path.join(""), `.f[0].x${path}`);
      assert(new RegExp(`^(${what})$`).test(error.what), error.what);
      assert(!error.message.includes("s3cret"));
    });
  }

  it("refuses a detached or resizable buffer", () => {
    const gone = new ArrayBuffer(8);
    const view = new Uint8Array(gone);
    structuredClone(gone, { transfer: [gone] });
    assertEquals(refusal([gone]).path, ["[0]"]);
    assertEquals(refusal([view]).path, ["[0]", ".buffer"]);
    const resizable = Reflect.construct(ArrayBuffer, [1, { maxByteLength: 8 }]);
    assertEquals(refusal([resizable]).what, "a resizable ArrayBuffer");
  });

  it("refuses more than 1000 levels in a short message", () => {
    assert(refusal(nest(5000)).message.length < 300);
  });

  it("names the path to the value that it refuses, despite a cycle", () => {
    const tree: { children: unknown[]; parent?: unknown } = { children: [] };
    tree.parent = tree;
    tree.children.push(tree, { run() {} });
    assertEquals(refusal({ tree }).path.join(""), ".tree.children[1].run");
  });

  it("round-trips every value that it accepts", () => {
    fc.assert(fc.property(graph(), (value) => {
      let text;
      try {
        text = richSerializer.serialize(value) as string;
      } catch (error) {
        return error instanceof UnserialisableError && error.what === "a property named __proto__";
      }
      return same(read(text), value);
    }));
  });
});

describe("richSerializer.deserialize()", () => {
  const broken: [string, string][] = [
    ["nothing", ""],
    ["an object", "{}"],
    ["text", '"x"'],
    ["an empty array", "[]"],
    ["an unknown special number", "7"],
    ["an index that does not exist", "[[5]]"],
    ["a huge index", `[[${2 ** 53}]]`],
    ["an index that is a string", '[["Set","push"]]'],
    ["a method as an index", '[{"a":"push"}]'],
    ["an unknown kind", '[["Function","return 1"]]'],
    ["a kind from the prototype", '[["constructor",1],1]'],
    ["an own __proto__", '[{"__proto__":1},{"polluted":2},1]'],
    ["an own __proto__ without a prototype", '[["null","__proto__",1],{"polluted":2},1]'],
    ["an array of 4,294,967,295 elements", "[[-7,4294967295]]"],
    ["an array of a negative length", "[[-7,-1]]"],
    ["an element beyond the end", "[[-7,5,10,1],1]"],
    ["bytes with a length as their buffer", '[["Uint8Array",1],1000000000]'],
    ["bytes that contain themselves", '[["Uint8Array",0]]'],
    ["a view beyond the end", '[["Uint8Array",1,4,4],["ArrayBuffer","AAAA"]]'],
    ["a boxed object in itself", '[["Object",0]]'],
    ["an invalid URL", '[["URL","nowhere"]]'],
    ["an invalid regular expression", '[["RegExp","("]]'],
    ["an invalid bigint", '[["BigInt","x"]]'],
    ["100,000 levels of brackets", "[".repeat(100_000) + "]".repeat(100_000)],
    ["100,000 levels", `[${Array.from({ length: 100_000 }, (_, i) => `[${i + 1}]`)},1]`],
  ];
  for (const [fault, text] of broken) {
    it(`throws for ${fault}`, () => {
      assertThrows(() => read(text));
      assertEquals(({} as { polluted?: 1 }).polluted, undefined);
    });
  }

  it("throws or returns data for any input", () => {
    const kind = fc.constantFrom("Date", "Map", "Set", "null", "Object", "BigInt", "URL", "RegExp", "Uint8Array");
    const cell = fc.oneof(fc.integer({ min: -8, max: 8 }), fc.string(), kind, fc.constant("__proto__"));
    const entry = fc.oneof(cell, fc.array(cell), fc.tuple(kind, cell, cell), fc.dictionary(fc.string(), cell));
    fc.assert(fc.property(fc.array(entry), (entries) => {
      let value;
      try {
        value = read(JSON.stringify(entries));
      } catch (error) {
        assert(error instanceof Error);
      }
      assert(typeof value !== "function" && Object.keys(Object.prototype).length === 0);
    }));
    fc.assert(fc.property(fc.uint8Array(), (bytes) => {
      try {
        richSerializer.deserialize(bytes);
      } catch (error) {
        assert(error instanceof Error);
      }
    }));
  });
});

function nest(levels: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < levels; i++) value = i % 2 ? { value } : [value];
  return value;
}

/** Generates values with shared references and cycles. */
function graph(): fc.Arbitrary<unknown> {
  const leaf = fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withNullPrototype: true,
    withSet: true,
    withSparseArray: true,
    withTypedArray: true,
  });
  const links = fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 6 });
  return fc.tuple(fc.array(leaf, { minLength: 1, maxLength: 6 }), links).map(([leaves, links]) => {
    const nodes = leaves.map((leaf) => ({ leaf, links: [] as unknown[] }));
    for (const [from, to] of links) nodes[from % nodes.length]!.links.push(nodes[to % nodes.length]);
    return nodes;
  });
}
