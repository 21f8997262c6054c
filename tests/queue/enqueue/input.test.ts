import { describe, it } from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { StreaqError } from "../../../src/base/errors.ts";
import { encrypted } from "../../../src/queue/records/encrypted.ts";
import { RecordCodec, type RecordCodecOptions } from "../../../src/queue/records/record_codec.ts";
import { richSerializer } from "../../../src/queue/records/rich_serializer.ts";
import { jsonSerializer } from "../../../src/queue/records/json_serializer.ts";
import { Signature } from "../../../src/queue/records/signature.ts";
import { isTuple, tuple } from "../../../src/queue/tasks/tuple.ts";
import { keyOf } from "../records/encryption_keys.ts";

const source = { taskId: "id", fnName: "note" };
const encoder = new TextEncoder();

function makeCodec(options: Partial<RecordCodecOptions> = {}): RecordCodec {
  return new RecordCodec({ serializer: jsonSerializer, maxPayload: 1000, ...options });
}

const codecs: [string, Partial<RecordCodecOptions>][] = [
  ["JSON", {}],
  ["richSerializer", { serializer: richSerializer }],
  ["JSON, signed", { signingSecret: "s3cret" }],
  ["richSerializer, signed", { serializer: richSerializer, signingSecret: ["s3cret", "old"] }],
  ["JSON, encrypted", { serializer: encrypted(jsonSerializer, keyOf("new")) }],
];
for (const [format, options] of codecs) {
  describe(`RecordCodec.encodeInput() with ${format}`, () => {
    const codec = makeCodec(options);

    const inputs: [string, unknown, unknown[]][] = [
      ["a value", 7, [7]],
      ["an array", [1, [2]], [[1, [2]]]],
      ["null", null, [null]],
      ["undefined", undefined, []],
      ["a tuple", tuple(1, [2], null), [1, [2], null]],
      ["an empty tuple", tuple(), []],
      ["a tuple in an array", [tuple(1)], [[[1]]]],
    ];
    for (const [kind, value, args] of inputs) {
      it(`turns ${kind} into arguments`, () => {
        const data = codec.encodeInput(source, value);
        assertEquals(typeof data === "string", !codec.binary);
        const decoded = codec.decodeInput("id", data);
        assertEquals([decoded, isTuple(decoded)], [args, false]);
      });
    }

    it("round-trips any tuple of JSON values", () => {
      const large = makeCodec({ ...options, maxPayload: 1_000_000 });
      // JSON has no minus zero, and richSerializer refuses a property named __proto__.
      const value = fc.jsonValue().map((value) => JSON.stringify(value)).filter((text) => !text.includes("__proto__"));
      const values = fc.array(value.map((text) => JSON.parse(text) as unknown));
      fc.assert(
        fc.property(values, (values) => {
          assertEquals(large.decodeInput("id", large.encodeInput(source, tuple(...values))), values);
        }),
        { numRuns: 50 },
      );
    });

    it("makes a record that is refused if it is truncated or read as another kind of record", () => {
      const data = codec.encodeInput(source, 7);
      const record = { fnName: "note", args: [1], kwargs: {}, createdTime: 1 };
      for (const broken of [data.slice(0, -1), data.slice(1), data.slice(0, 0), codec.encodeTask("id", record)]) {
        assertThrows(() => codec.decodeInput("id", broken), StreaqError, "Cannot read the input piped from task id: ");
      }
      assertThrows(() => codec.decodeTask("id", data), StreaqError, "task id: ");
      assertThrows(() => codec.decodeResult("id", data), StreaqError, "task id: ");
    });

    it("refuses more arguments than a function can take, and more bytes than maxPayload", () => {
      const large = makeCodec({ ...options, maxPayload: 10_000_000 });
      const args = new Array<number>(65_535).fill(1);
      assertEquals(large.decodeInput("id", large.encodeInput(source, tuple(...args))).length, 65_535);
      assertThrows(
        () => large.encodeInput(source, tuple(...args, 1)),
        StreaqError,
        "at most 65535 arguments, got 65536",
      );
      const message = "input piped from task note: expected at most 1000 bytes (maxPayload), got 1001";
      codec.encodeInput(source, "x".repeat(900));
      if (options.serializer === undefined) {
        codec.encodeInput(source, "x".repeat(996));
        assertThrows(() => codec.encodeInput(source, "x".repeat(997)), StreaqError, message);
      }
      assertThrows(() => codec.encodeInput(source, "ü".repeat(500)), StreaqError, "at most 1000 bytes (maxPayload)");
      const refusal = "Cannot serialise the input piped from task note: ";
      assertThrows(() => codec.encodeInput(source, () => {}), StreaqError, refusal);
    });
  });
}

describe("RecordCodec.decodeInput()", () => {
  it("refuses a record that is not an array of arguments", () => {
    for (const text of ["{}", "7", "null", '"a"', '{"length":1}', JSON.stringify(new Array(65_536).fill(1))]) {
      assertThrows(() => makeCodec().decodeInput("id", text), StreaqError, "task id: it is not an array of arguments");
    }
    const codec = makeCodec({ serializer: richSerializer });
    const holes = encoder.encode(richSerializer.serialize(new Array(1e6)) as string);
    assertThrows(() => codec.decodeInput("id", holes), StreaqError, "task id: it is not an array of arguments");
  });

  it("returns undefined with a serializer that supports it, and null with JSON", () => {
    for (const [serializer, nothing] of [[jsonSerializer, null], [richSerializer, undefined]] as const) {
      const codec = makeCodec({ serializer });
      // JSON refuses undefined, which it would change to null.
      const value = tuple(1, nothing, 3);
      assertEquals(codec.decodeInput("id", codec.encodeInput(source, value)), [1, nothing, 3]);
    }
  });
});

describe("A signed input", () => {
  const missing = "its signature is missing or wrong";
  for (const serializer of [jsonSerializer, richSerializer]) {
    const signed = makeCodec({ serializer, signingSecret: "s3cret" });
    const format = serializer === jsonSerializer ? "JSON" : "richSerializer";

    it(`is refused under another id, as another kind of record and with another secret: ${format}`, () => {
      const data = signed.encodeInput(source, 7) as Uint8Array;
      assertEquals(signed.decodeInput("id", data), [7]);
      for (const id of ["other", "i", "idx", "", "input id"]) {
        assertThrows(() => signed.decodeInput(id, data), StreaqError, missing);
      }
      assertThrows(() => signed.decodeTask("id", data), StreaqError, missing);
      assertThrows(() => signed.decodeResult("id", data), StreaqError, missing);
      const foreign = makeCodec({ serializer, signingSecret: "other" });
      assertThrows(() => foreign.decodeInput("id", data), StreaqError, missing);
      assertThrows(() => signed.decodeInput("id", foreign.encodeInput(source, 7)), StreaqError, missing);
    });

    it(`is refused if a byte was changed or the signature is missing: ${format}`, () => {
      const data = signed.encodeInput(source, 7) as Uint8Array;
      for (let i = 0; i < data.length; i++) {
        assertThrows(() => signed.decodeInput("id", data.with(i, data[i]! ^ 1)), StreaqError, missing);
      }
      const plain = makeCodec({ serializer }).encodeInput(source, 7);
      for (const unsigned of [plain, data.subarray(0, -32), new Uint8Array(32), "[7]", encoder.encode("[7]")]) {
        assertThrows(() => signed.decodeInput("id", unsigned), StreaqError, missing);
      }
    });
  }

  it("is refused if its bytes were signed in another context", () => {
    const signature = new Signature("s3cret");
    const signed = makeCodec({ signingSecret: "s3cret" });
    const bytes = encoder.encode("[7]");
    assertEquals(signed.decodeInput("id", signature.seal(bytes, 'input "id"')), [7]);
    for (const context of ["", "id", "input", "input id", "task", 'input "other"']) {
      assertThrows(() => signed.decodeInput("id", signature.seal(bytes, context)), StreaqError, missing);
    }
    assertEquals([...signature.open(signature.seal(bytes, "a"), "a")!], [...bytes]);
    assertEquals(signature.open(signature.seal(bytes, "a"), "b"), null);
  });

  it("is accepted while one secret replaces another", () => {
    const steps = ["old", ["old", "new"], ["new", "old"], "new"].map((signingSecret) => makeCodec({ signingSecret }));
    for (const [i, codec] of steps.entries()) {
      for (const next of steps.slice(Math.max(i - 1, 0), i + 2)) {
        assertEquals(next.decodeInput("id", codec.encodeInput(source, 7)), [7]);
      }
    }
    assertThrows(() => steps[3]!.decodeInput("id", steps[0]!.encodeInput(source, 7)), StreaqError, missing);
  });
});
