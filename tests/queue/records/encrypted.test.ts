import { describe, it } from "node:test";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { inspect } from "node:util";
import { deserialize, serialize } from "node:v8";
import { assert, assertEquals, assertMatch, assertNotEquals, assertThrows } from "@std/assert";
import * as core from "../../../mod.ts";
import { StreaqError } from "../../../src/base/errors.ts";
import { encrypted } from "../../../src/queue/records/encrypted.ts";
import { jsonSerializer } from "../../../src/queue/records/json_serializer.ts";
import { richSerializer } from "../../../src/queue/records/rich_serializer.ts";
import type { Serializer } from "../../../src/queue/records/serializer.ts";
import * as entry from "../../../src/queue/records/serializers.ts";
import { keyOf } from "./encryption_keys.ts";

const structured: Serializer = { serialize: (value) => serialize(value), deserialize: (data) => deserialize(data) };
const [newKey, oldKey] = [keyOf("new"), keyOf("old")];
const encodings = ["hex", "base64"] as const;
const changed = "it was changed after it was encrypted, or truncated";

function bytesOf(serializer: Serializer, value: unknown): Uint8Array {
  const data = serializer.serialize(value);
  assert(data instanceof Uint8Array);
  return data;
}

function includes(data: string | Uint8Array, text: string): boolean {
  return Buffer.from(data as Uint8Array).includes(text);
}

describe("encrypted()", () => {
  const value = { text: "s3cret ü", list: [1, null, true] };
  for (const [format, serializer] of Object.entries({ jsonSerializer, richSerializer, structured })) {
    it(`round-trips what ${format} takes, and shows nothing of it`, () => {
      const both = encrypted(serializer, [newKey, oldKey]);
      const data = bytesOf(both, value);
      assert(!includes(data, "s3cret"));
      assertEquals(both.deserialize(data), value);
    });
  }

  it("puts the beginning of the key's SHA-256 in front of a nonce, and adds 33 bytes", () => {
    const data = bytesOf(encrypted(jsonSerializer, newKey), value);
    assertEquals([...data.subarray(0, 4)], [...createHash("sha256").update(newKey).digest().subarray(0, 4)]);
    assertEquals(data.length, new TextEncoder().encode(JSON.stringify(value)).length + 33);
  });

  it("takes no nonce twice in 100,000 records", () => {
    const serializer = encrypted(jsonSerializer, newKey);
    const nonces = new Set<string>();
    for (let i = 0; i < 100_000; i++) {
      nonces.add(Buffer.from(bytesOf(serializer, 1).subarray(4, 16)).toString("latin1"));
    }
    assertEquals(nonces.size, 100_000);
  });

  it("encrypts with the first key, and decrypts with all of them", () => {
    const [before, during, after] = [[oldKey], [newKey, oldKey], [newKey]].map((keys) =>
      encrypted(jsonSerializer, keys)
    );
    assertEquals(during!.deserialize(bytesOf(before!, 1)), 1);
    assertEquals(after!.deserialize(bytesOf(during!, 2)), 2);
    const id = createHash("sha256").update(oldKey).digest("hex").slice(0, 8);
    const { message } = assertThrows(() => after!.deserialize(bytesOf(before!, 3)), StreaqError);
    assertEquals(
      message,
      `Cannot decrypt the record: it is not encrypted with one of the keys: none has the id ${id}`,
    );
  });

  it("refuses a record of which any bit was changed, or any byte is missing", () => {
    const serializer = encrypted(jsonSerializer, [newKey, oldKey]);
    const data = bytesOf(serializer, ["s3cret"]);
    for (let i = 0; i < data.length * 8; i++) {
      const broken = data.with(i >> 3, data[i >> 3]! ^ (1 << (i & 7)));
      const { message } = assertThrows(() => serializer.deserialize(broken), StreaqError);
      assertEquals(message.includes(changed), i >= 4 * 8, message);
    }
    for (let i = 0; i < data.length; i++) {
      for (const part of [data.subarray(0, i), data.subarray(data.length - i)]) {
        assertThrows(() => serializer.deserialize(part), StreaqError, "Cannot decrypt the record: it ");
      }
    }
    const swapped = Uint8Array.from([
      ...bytesOf(encrypted(jsonSerializer, oldKey), 1).subarray(0, 4),
      ...data.subarray(4),
    ]);
    assertThrows(() => serializer.deserialize(swapped), StreaqError, changed);
    assertThrows(() => serializer.deserialize(Uint8Array.from([...data, 0])), StreaqError, changed);
  });

  it("takes a key as bytes or as text in base64 or base64url, alone or in a list", () => {
    // Its text has characters that the two alphabets write differently.
    const key = new Uint8Array(32).fill(0xfb);
    const [base64, base64url] = [Buffer.from(key).toString("base64"), Buffer.from(key).toString("base64url")];
    assertNotEquals(base64.slice(0, 43), base64url);
    const data = bytesOf(encrypted(jsonSerializer, key), value);
    for (const same of [Buffer.from(key), base64, base64.replace("=", ""), base64url, `${base64url}=`, `${base64}\n`]) {
      assertEquals(encrypted(jsonSerializer, same).deserialize(data), value);
      assertEquals(encrypted(jsonSerializer, [oldKey, same]).deserialize(data), value);
    }
  });

  it("shows no key when it is logged, and has functions that work by themselves", () => {
    const serializer = encrypted(jsonSerializer, newKey);
    const shown = inspect(serializer, { depth: 10, showHidden: true });
    for (const text of [...encodings.map((encoding) => Buffer.from(newKey).toString(encoding)), newKey.join(", ")]) {
      assert(!shown.includes(text.slice(0, 12)), shown);
    }
    const { serialize, deserialize } = { ...serializer };
    assertEquals(deserialize(serialize(value) as Uint8Array), value);
  });

  it("keeps a copy of the keys", () => {
    const key = Uint8Array.from(newKey);
    const keys = [key];
    const serializer = encrypted(jsonSerializer, keys);
    key.fill(0);
    keys.length = 0;
    assertEquals(serializer.deserialize(bytesOf(encrypted(jsonSerializer, newKey), 1)), 1);
  });

  const text = Buffer.from(newKey).toString("base64");
  const refused: [string, unknown, typeof RangeError | typeof TypeError, string][] = [
    ["an empty list", [], RangeError, "Cannot encrypt: expected at least one key, got an empty list"],
    ["a short key", newKey.subarray(1), RangeError, "with keys[0]: expected 32 bytes, got 31"],
    ["a long key", [newKey, new Uint8Array(33)], RangeError, "with keys[1]: expected 32 bytes, got 33"],
    ["an empty text", "", RangeError, "with keys[0]: expected 32 bytes, got 0"],
    ["a short text", text.slice(0, 42), RangeError, "with keys[0]: expected 32 bytes, got 31"],
    ["a hexadecimal text", Buffer.from(newKey).toString("hex"), RangeError, "expected 32 bytes, got 48"],
    [
      "other text",
      [newKey, `${text.slice(0, 20)} ${text.slice(20)}`],
      RangeError,
      "keys[1]: expected 32 bytes in base64",
    ],
    ["a mix of alphabets", `${text.slice(0, 41)}+-`, RangeError, "got 43 characters that are not base64"],
    ["a key twice", [newKey, oldKey, text], RangeError, "with keys[2]: it is the same key as keys[0]"],
    ["undefined", undefined, TypeError, "with keys[0]: expected a Uint8Array or text in base64, got undefined"],
    ["null in a list", [newKey, null], TypeError, "with keys[1]: expected a Uint8Array or text in base64, got null"],
    ["a number", 1, TypeError, "got a value of type number"],
    ["another array", new Uint32Array(8), TypeError, "got a value of type object"],
  ];
  for (const [kind, keys, type, expected] of refused) {
    it(`refuses ${kind}, and shows no key`, () => {
      const { message } = assertThrows(() => encrypted(jsonSerializer, keys as Uint8Array), type);
      assertMatch(message, /^Cannot encrypt/);
      assert(message.includes(expected), message);
      assert(!message.includes(text.slice(0, 20)));
    });
  }

  it("refuses two keys with the same id, of which it could use only one", () => {
    // Found by trying: the SHA-256 of both begins with the same four bytes.
    const pair = [78_356, 88_497].map((number) => {
      const key = Buffer.alloc(32);
      key.writeUInt32BE(number);
      return key;
    });
    const message = "Cannot encrypt with keys[1]: it has the same id as keys[0]";
    assertThrows(() => encrypted(jsonSerializer, pair), RangeError, message);
  });

  it("refuses what is no serializer", () => {
    for (const serializer of [undefined, null, {}, "json", { serialize: () => "" }] as unknown[]) {
      const message = "Cannot encrypt: expected a serializer with serialize() and deserialize(), got ";
      assertThrows(() => encrypted(serializer as Serializer, newKey), TypeError, message);
    }
  });

  it("is the same at both entry points", () => {
    assertEquals([entry.encrypted, core.encrypted], [encrypted, encrypted]);
    assertEquals([entry.jsonSerializer, core.jsonSerializer], [jsonSerializer, jsonSerializer]);
  });
});
