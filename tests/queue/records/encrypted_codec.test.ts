import { Buffer } from "node:buffer";
import { describe, it } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { StreaqError } from "../../../src/base/errors.ts";
import { encrypted } from "../../../src/queue/records/encrypted.ts";
import { jsonSerializer } from "../../../src/queue/records/json_serializer.ts";
import { RecordCodec, type RecordCodecOptions } from "../../../src/queue/records/record_codec.ts";
import type { Serializer } from "../../../src/queue/records/serializer.ts";
import { signatureSize } from "../../../src/queue/records/signature.ts";
import { keyOf } from "./encryption_keys.ts";

const [newKey, oldKey] = [keyOf("new"), keyOf("old")];
const task = { fnName: "note", args: ["s3cret"], kwargs: {}, createdTime: 1 };
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
const changed = "it was changed after it was encrypted, or truncated";

function bytesOf(serializer: Serializer, value: unknown): Uint8Array {
  const data = serializer.serialize(value);
  assert(data instanceof Uint8Array);
  return data;
}

function makeCodec(keys: readonly Uint8Array[], options: Partial<RecordCodecOptions> = {}): RecordCodec {
  const { serializer = jsonSerializer, ...others } = options;
  return new RecordCodec({ serializer: encrypted(serializer, keys), maxPayload: 1000, ...others });
}

function includes(data: string | Uint8Array, text: string): boolean {
  return Buffer.from(data as Uint8Array).includes(text);
}

describe("RecordCodec with encrypted()", () => {
  const codec = makeCodec([newKey]);

  it("shows nothing of a task, a result, a failure, an input or a schedule", () => {
    const error = new TypeError("s3cret", { cause: new Error("s3cret") });
    const records = [
      codec.encodeTask("id", task),
      codec.encodeSchedule({ name: "id", expression: "@daily", timeZone: "UTC" }, task),
      codec.encodeResult(fields, { success: true, value: "s3cret" }),
      codec.encodeResult(fields, { success: false, error }),
      codec.encodeInput(fields, "s3cret"),
      codec.template({ fnName: "note", expire: null }).draft(task).encode("id", { createdTime: 1 }),
    ];
    for (const data of records) {
      for (const text of ["s3cret", "note", "TypeError", "encrypted.test"]) assert(!includes(data, text), text);
    }
  });

  it("encrypts even a failure that its serializer refuses", () => {
    const serialize = () => {
      throw new Error("no");
    };
    const broken = makeCodec([newKey], { serializer: { ...jsonSerializer, serialize } });
    const data = broken.encodeResult(fields, { success: false, error: new Error("s3cret") });
    assert(!includes(data, "s3cret") && !includes(data, "note"));
    const { success, exception } = codec.decodeResult("id", data);
    assertEquals([success, exception?.message], [false, "s3cret"]);
  });

  it("takes no kind of record for another, and no input for that of another task", () => {
    const schedule = { name: "id", expression: "@daily", timeZone: "UTC" };
    const kind = "it was encrypted as a record of another kind";
    const record = codec.encodeTask("id", task);
    const scheduled = codec.encodeSchedule(schedule, task);
    assertEquals(codec.decodeSchedule(schedule, scheduled).args, ["s3cret"]);
    assertThrows(() => codec.decodeSchedule(schedule, record), StreaqError, kind);
    assertThrows(() => codec.decodeTask("id", scheduled), StreaqError, kind);
    assertThrows(() => codec.decodeSchedule({ ...schedule, expression: "@hourly" }, scheduled), StreaqError, kind);
    assertThrows(() => codec.decodeSchedule({ ...schedule, timeZone: "Asia/Tokyo" }, scheduled), StreaqError, kind);
    assertThrows(() => codec.decodeResult("id", record), StreaqError, kind);
    const input = codec.encodeInput(fields, 7);
    assertEquals(codec.decodeInput("id", input), [7]);
    assertThrows(() => codec.decodeInput("other", input), StreaqError, kind);
    assertThrows(() => codec.decodeTask("other", record), StreaqError, "it was stored under another id");
  });

  it("reads and writes what the serializer alone writes and reads", () => {
    const alone = encrypted(jsonSerializer, [newKey]);
    const record = { f: "note", a: ["s3cret"], k: {}, t: 1, i: "id" };
    assertEquals(alone.deserialize(codec.encodeTask("id", task) as Uint8Array), record);
    assertEquals(codec.decodeTask("id", bytesOf(alone, record)).args, ["s3cret"]);
  });

  it("names the reason why it cannot read a record, and never quotes the record", () => {
    const plain = new TextEncoder().encode(JSON.stringify({ f: "note", a: ["s3cret"], k: {}, t: 1, i: "id" }));
    const record = codec.encodeTask("id", task) as Uint8Array;
    const faults: [string | Uint8Array, string][] = [
      [makeCodec([oldKey]).encodeTask("id", task), "it is not encrypted with one of the keys: none has the id "],
      [plain, "it is not encrypted with one of the keys: none has the id 7b226622"],
      ["text", "it is not encrypted"],
      [record.subarray(0, 31), "it is not encrypted: expected at least 32 bytes, got 31"],
      [record.with(20, record[20]! ^ 1), changed],
    ];
    for (const [data, reason] of faults) {
      const { message } = assertThrows(() => codec.decodeTask("id", data), StreaqError);
      assert(message.startsWith(`Cannot read the record of task id: ${reason}`), message);
      assert(!message.includes("s3cret"));
    }
  });

  it("finds the name of a task without its arguments, and no name in a record that it cannot decrypt", () => {
    for (const signingSecret of [undefined, "secret"]) {
      const codec = makeCodec([newKey], { signingSecret });
      const data = codec.encodeTask("id", task) as Uint8Array;
      assertEquals(codec.peekName(data), "note");
      for (const broken of [data.with(40, data[40]! ^ 1), data.subarray(0, 10), new Uint8Array()]) {
        assertEquals(codec.peekName(broken), undefined);
      }
      assertEquals(makeCodec([oldKey], { signingSecret }).peekName(data), undefined);
    }
  });

  it("counts maxPayload before the encryption, and knows how much longer the record becomes", () => {
    for (const signingSecret of [undefined, "secret"]) {
      const plain = new RecordCodec({ serializer: jsonSerializer, maxPayload: 1000 });
      const size = plain.encodeTask("id", task).length;
      const exact = makeCodec([newKey], { signingSecret, maxPayload: size });
      const data = exact.encodeTask("id", task);
      assertEquals(data.length, size + exact.overhead);
      assertEquals(exact.overhead, 32 + "task\0".length + (signingSecret ? signatureSize : 0));
      const small = makeCodec([newKey], { signingSecret, maxPayload: size - 1 });
      const message = `expected at most ${size - 1} bytes (maxPayload), got ${size}`;
      assertThrows(() => small.encodeTask("id", task), StreaqError, message);
    }
  });

  it("says which key a record is encrypted with", () => {
    const schedule = { name: "id", expression: "@daily", timeZone: "UTC" };
    for (const signingSecret of [undefined, "secret"]) {
      const [before, during, after] = [[oldKey], [newKey, oldKey], [newKey]].map((keys) =>
        makeCodec(keys, { signingSecret })
      );
      const data = before!.encodeTask("id", task);
      assertEquals([before, during, after].map((codec) => codec!.signerOfTask(data)), ["first", "other", "none"]);
      const record = before!.encodeSchedule(schedule, task);
      assertEquals([before, during, after].map((codec) => codec!.signerOfSchedule(schedule, record)), [
        "first",
        "other",
        "none",
      ]);
    }
    const signed = makeCodec([newKey], { signingSecret: ["new", "old"] });
    assertEquals(signed.signerOfTask(makeCodec([newKey], { signingSecret: "old" }).encodeTask("id", task)), "other");
  });

  it("verifies a signature beside the encryption, over the encrypted record", () => {
    const signed = makeCodec([newKey], { signingSecret: "secret" });
    const data = signed.encodeTask("id", task) as Uint8Array;
    assertEquals(signed.decodeTask("id", data).args, ["s3cret"]);
    assertEquals(codec.decodeTask("id", data.subarray(0, -signatureSize)).args, ["s3cret"]);
    const missing = "its signature is missing or wrong";
    assertThrows(() => signed.decodeTask("id", codec.encodeTask("id", task)), StreaqError, missing);
    assertThrows(() => signed.decodeTask("id", data.with(3, data[3]! ^ 1)), StreaqError, missing);
  });
});
