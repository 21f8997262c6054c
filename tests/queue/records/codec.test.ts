import { describe, it } from "node:test";
import { deserialize, serialize } from "node:v8";
import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { StreaqError } from "../../../src/base/errors.ts";
import { encrypted } from "../../../src/queue/records/encrypted.ts";
import { RecordCodec, type RecordCodecOptions } from "../../../src/queue/records/record_codec.ts";
import { richSerializer } from "../../../src/queue/records/rich_serializer.ts";
import { jsonSerializer } from "../../../src/queue/records/json_serializer.ts";
import type { Serializer } from "../../../src/queue/records/serializer.ts";
import { Signature } from "../../../src/queue/records/signature.ts";
import { keyOf } from "./encryption_keys.ts";

const structured: Serializer = { serialize: (value) => serialize(value), deserialize: (data) => deserialize(data) };
const task = {
  fnName: "note",
  args: [1, "two"],
  kwargs: {},
  createdTime: 1_795_445_182_914,
  expire: null,
  version: 1,
  previous: undefined,
  next: undefined,
  dependencies: [],
};
const fields = {
  taskId: "id",
  fnName: "note",
  createdTime: 1,
  enqueueTime: 2,
  startTime: 3,
  finishTime: 4,
  tries: 1,
  workerId: "w",
};

function makeCodec(options: Partial<RecordCodecOptions> = {}): RecordCodec {
  return new RecordCodec({ serializer: jsonSerializer, maxPayload: 1000, ...options });
}

function text(data: string | Uint8Array): string {
  return typeof data === "string" ? data : new TextDecoder().decode(data);
}

const codecs: [string, Partial<RecordCodecOptions>][] = [
  ["JSON", {}],
  ["richSerializer", { serializer: richSerializer }],
  ["bytes", { serializer: structured }],
  ["JSON, signed", { signingSecret: "s3cret" }],
  ["richSerializer, signed", { serializer: richSerializer, signingSecret: ["s3cret", "old"] }],
  ["JSON, encrypted", { serializer: encrypted(jsonSerializer, [keyOf("new"), keyOf("old")]) }],
  ["bytes, encrypted and signed", { serializer: encrypted(structured, keyOf("new")), signingSecret: "s3cret" }],
];
for (const [format, options] of codecs) {
  describe(`RecordCodec with ${format}`, () => {
    const codec = makeCodec(options);

    it("round-trips a task", () => {
      const data = codec.encodeTask("id", task);
      assertEquals(typeof data === "string", !codec.binary);
      assertEquals(codec.decodeTask("id", data), task);
      const expiring = { ...task, expire: 0, kwargs: { a: 1 } };
      assertEquals(codec.decodeTask("id", codec.encodeTask("id", expiring)), expiring);
    });

    it("round-trips a success and a failure", () => {
      const good = codec.decodeResult("id", codec.encodeResult(fields, { success: true, value: { a: [1] } }));
      assert(good.success);
      assertEquals(good.result, { a: [1] });
      const error = new RangeError("too far");
      const bad = codec.decodeResult("id", codec.encodeResult(fields, { success: false, error }));
      assert(!bad.success && bad.exception instanceof RangeError);
      assertEquals([bad.exception.message, bad.finishTime], ["too far", 4]);
    });

    it("refuses a record that was copied to another id", () => {
      assertThrows(
        () => codec.decodeTask("other", codec.encodeTask("id", task)),
        StreaqError,
        "task other: it was stored under another id",
      );
      const result = codec.encodeResult(fields, { success: true, value: 1 });
      assertThrows(
        () => codec.decodeResult("other", result),
        StreaqError,
        "task other: it was stored under another id",
      );
    });

    it("refuses a task as a result, and a result as a task", () => {
      const value = { a: [], k: {}, t: 1, s: true, w: "w" };
      const result = codec.encodeResult(fields, { success: true, value });
      assertThrows(() => codec.decodeTask("id", result), StreaqError, "the record of task");
      const kwargs = { w: "w", s: true, ct: 1, et: 1, st: 1, ft: 1, r: 1 };
      assertThrows(() => codec.decodeResult("id", codec.encodeTask("id", { ...task, kwargs })), StreaqError, "result");
    });

    it("refuses a truncated record", () => {
      const data = codec.encodeTask("id", task);
      for (const broken of [data.slice(0, -1), data.slice(1), data.slice(0, 10), data.slice(0, 0)]) {
        assertThrows(() => codec.decodeTask("id", broken), StreaqError, "task id: ");
        assertThrows(() => codec.decodeResult("id", broken), StreaqError, "task id: ");
      }
    });
  });
}

describe("RecordCodec.encodeTask()", () => {
  it("writes the field x only for a task that expires", () => {
    const { expire: _, ...without } = task;
    for (const record of [task, without]) {
      assertEquals(
        makeCodec().encodeTask("id", record),
        '{"f":"note","a":[1,"two"],"k":{},"t":1795445182914,"i":"id"}',
      );
    }
    assertStringIncludes(text(makeCodec().encodeTask("id", { ...task, expire: 1500 })), '"x":1500');
  });

  it("writes the field v only for a task with a version above 1", () => {
    const codec = makeCodec();
    const drafted = (version: number) => {
      return codec.template({ fnName: "note", expire: null, version }).draft(task).encode("id", { createdTime: 1 });
    };
    const record = '{"f":"note","a":[1,"two"],"k":{},"t":1,"i":"id"';
    for (const encode of [drafted, (version: number) => codec.encodeTask("id", { ...task, createdTime: 1, version })]) {
      assertEquals([encode(1), encode(2)], [`${record}}`, `${record},"v":2}`]);
      assertEquals([1, 2, Number.MAX_SAFE_INTEGER].map((version) => codec.decodeTask("id", encode(version)).version), [
        1,
        2,
        Number.MAX_SAFE_INTEGER,
      ]);
    }
    assertEquals(codec.decodeTask("id", `${record},"v":1}`).version, 1);
  });

  it("trims undefined from the end of the arguments", () => {
    const data = makeCodec().encodeTask("id", { ...task, args: [1, undefined, undefined] });
    assertEquals(makeCodec().decodeTask("id", data).args, [1]);
  });

  const refused: [Serializer, unknown, string][] = [
    [jsonSerializer, { when: new Date() }, "JSON cannot hold a Date at args[0].when"],
    [richSerializer, { x: () => 1 }, "richSerializer cannot hold a function at args[0].x"],
    [richSerializer, [new Set([class {}])], 'a function at args[0][0]["value 0"]'],
  ];
  for (const [serializer, value, message] of refused) {
    it(`names the value that it refuses, and its place: ${message}`, () => {
      const codec = makeCodec({ serializer });
      assertThrows(() => codec.encodeTask("id", { ...task, args: [value] }), StreaqError, message);
      assertThrows(() => codec.encodeTask("id", { ...task, kwargs: { value } }), StreaqError, "at kwargs.value");
      assertThrows(() => codec.encodeResult(fields, { success: true, value }), StreaqError, "at result");
    });
  }

  it("refuses more arguments than a function can take", () => {
    const codec = makeCodec({ maxPayload: 10_000_000 });
    const args = new Array(65_535).fill(1);
    assertEquals(codec.decodeTask("id", codec.encodeTask("id", { ...task, args })).args.length, 65_535);
    assertThrows(() => codec.encodeTask("id", { ...task, args: [...args, 1] }), StreaqError, "65536");
  });

  it("counts maxPayload in bytes, without the signature", () => {
    const size = text(makeCodec().encodeTask("id", { ...task, args: ["ü"] })).length + 1;
    for (const signingSecret of [undefined, "s3cret"]) {
      makeCodec({ maxPayload: size, signingSecret }).encodeTask("id", { ...task, args: ["ü"] });
      const codec = makeCodec({ maxPayload: size - 1, signingSecret });
      assertThrows(
        () => codec.encodeTask("id", { ...task, args: ["ü"] }),
        StreaqError,
        `at most ${size - 1} bytes (maxPayload)`,
      );
    }
  });
});

describe("RecordCodec.decodeTask()", () => {
  const good = { f: "note", a: [], k: {}, t: 1, i: "id" };
  const broken: [string, Record<string, unknown>][] = [
    ["f is not a name", { ...good, f: 1 }],
    ["a is not an array", { ...good, a: { length: 1 } }],
    ["k is not an object", { ...good, k: [] }],
    ["k is not an object", { ...good, k: null }],
    ["t is not a time", { ...good, t: "1" }],
    ["x is not a duration", { ...good, x: -1 }],
    ["x is not a duration", { ...good, x: null }],
    ["x is not a duration", { ...good, x: "1s" }],
    ...[0, -1, 1.5, "2", 1e300, 2 ** 53, null, true, [2], {}].map((v): [string, Record<string, unknown>] => {
      return ["v is not a version", { ...good, v }];
    }),
    ["another id", { ...good, i: undefined }],
  ];
  for (const [reason, record] of broken) {
    it(`refuses ${JSON.stringify(record)}`, () => {
      assertThrows(() => makeCodec().decodeTask("id", JSON.stringify(record)), StreaqError, reason);
    });
  }

  for (const number of [NaN, Infinity]) {
    it(`refuses ${number} as a time, and a sparse array as arguments`, () => {
      const codec = makeCodec({ serializer: richSerializer });
      const encode = (record: unknown) => new TextEncoder().encode(richSerializer.serialize(record) as string);
      assertThrows(() => codec.decodeTask("id", encode({ ...good, t: number })), StreaqError, "t is not a time");
      assertThrows(() => codec.decodeTask("id", encode({ ...good, x: number })), StreaqError, "x is not a duration");
      assertThrows(
        () => codec.decodeTask("id", encode({ ...good, a: new Array(1e6) })),
        StreaqError,
        "a is not an array",
      );
    });
  }
});

describe("RecordCodec.decodeResult()", () => {
  it("returns undefined with a serializer that supports it, and null with JSON", () => {
    for (const [serializer, nothing] of [[jsonSerializer, null], [richSerializer, undefined]] as const) {
      const codec = makeCodec({ serializer });
      const { result } = codec.decodeResult("id", codec.encodeResult(fields, { success: true, value: undefined }));
      assertEquals(result, nothing);
    }
  });
});

describe("RecordCodec with a secret", () => {
  const signed = makeCodec({ signingSecret: "s3cret" });
  const missing = "Cannot read the record of task id: its signature is missing or wrong";

  it("appends the signature to the record", () => {
    const data = signed.encodeTask("id", task) as Uint8Array;
    assertEquals(text(new Signature("s3cret").open(data, "task")!), makeCodec().encodeTask("id", task));
  });

  it("takes no kind of record for another, though their bytes are the same", () => {
    const bytes = signed.encodeTask("id", task).slice(0, -32) as Uint8Array;
    const schedule = { name: "id", expression: "@daily", timeZone: "UTC" };
    const seal = (label: string) => new Signature("s3cret").seal(bytes, label);
    signed.decodeTask("id", seal("task"));
    signed.decodeSchedule(schedule, seal('schedule ["@daily","UTC"]'));
    signed.decodeSchedule(schedule, signed.encodeSchedule(schedule, task));
    for (const label of ["result", 'input "id"', 'schedule ["@daily","UTC"]']) {
      assertThrows(() => signed.decodeTask("id", seal(label)), StreaqError, missing);
    }
    for (
      const label of ["task", "result", "schedule", 'schedule ["@daily","Asia/Tokyo"]', 'schedule ["@hourly","UTC"]']
    ) {
      assertThrows(() => signed.decodeSchedule(schedule, seal(label)), StreaqError, missing);
    }
    const result = signed.encodeResult(fields, { success: true, value: 1 }).slice(0, -32) as Uint8Array;
    signed.decodeResult("id", new Signature("s3cret").seal(result, "result"));
    const sealed = new Signature("s3cret").seal(result, "task");
    assertThrows(() => signed.decodeResult("id", sealed), StreaqError, "its signature is missing or wrong");
    const failure = signed.encodeResult(fields, { success: false, error: new Error("x") });
    assertEquals(signed.decodeResult("id", failure).success, false);
  });

  it("refuses a record without a signature, or with one of another secret", () => {
    const plain = text(makeCodec().encodeTask("id", task));
    const foreign = makeCodec({ signingSecret: "s3cret2" }).encodeTask("id", task);
    for (const data of [plain, new TextEncoder().encode(plain), foreign, "", new Uint8Array(31), new Uint8Array(32)]) {
      const { message } = assertThrows(() => signed.decodeTask("id", data), StreaqError);
      assertEquals(message, missing);
    }
    const result = makeCodec().encodeResult(fields, { success: true, value: 1 });
    assertThrows(
      () => signed.decodeResult("id", result),
      StreaqError,
      "the result of task id: its signature is missing",
    );
  });

  it("parses nothing before it has checked the signature", () => {
    const parsed: Uint8Array[] = [];
    const deserialize = (data: Uint8Array) => (parsed.push(data), jsonSerializer.deserialize(data));
    const codec = makeCodec({ serializer: { ...jsonSerializer, deserialize }, signingSecret: "s3cret" });
    const data = codec.encodeTask("id", task) as Uint8Array;
    assertThrows(() => codec.decodeTask("id", data.with(0, 0)), StreaqError, missing);
    assertEquals(parsed, []);
    codec.decodeTask("id", data);
    assertEquals(parsed.map(({ length }) => length), [data.length - 32]);
  });

  it("signs even a failure that its serializer refuses", () => {
    const serialize = () => {
      throw new Error("no");
    };
    const codec = makeCodec({ serializer: { ...jsonSerializer, serialize }, signingSecret: "s3cret" });
    const data = codec.encodeResult(fields, { success: false, error: new Error("x") });
    assertEquals(signed.decodeResult("id", data).success, false);
  });

  it("makes records that a codec without it refuses", () => {
    const data = signed.encodeTask("id", task) as Uint8Array;
    for (const record of [data, text(data)]) {
      assertThrows(() => makeCodec().decodeTask("id", record), StreaqError, "the serializer cannot deserialise it");
    }
    const rich = makeCodec({ serializer: richSerializer, signingSecret: "s3cret" }).encodeTask("id", task);
    assertThrows(() => makeCodec({ serializer: richSerializer }).decodeTask("id", rich), StreaqError, "task id: ");
  });

  it("accepts records of both secrets while one replaces the other", () => {
    const steps = ["old", ["old", "new"], ["new", "old"], "new"].map((signingSecret) => makeCodec({ signingSecret }));
    for (const [i, codec] of steps.entries()) {
      for (const next of steps.slice(Math.max(i - 1, 0), i + 2)) {
        assertEquals(next.decodeTask("id", codec.encodeTask("id", task)), task);
      }
    }
    assertThrows(() => steps[3]!.decodeTask("id", steps[0]!.encodeTask("id", task)), StreaqError, missing);
  });

  it("refuses an empty or invalid secret, and never shows it", () => {
    for (const signingSecret of ["", [], ["s3cret", ""], null as unknown as string, ["s3cret", 1 as never]]) {
      const { message } = assertThrows(() => makeCodec({ signingSecret }), TypeError);
      assertMatch(message, /^Cannot use option "signingSecret": expected /);
      assert(!message.includes("s3cret"));
    }
  });
});
