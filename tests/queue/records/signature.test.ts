import { describe, it } from "node:test";
import { createHmac } from "node:crypto";
import { inspect } from "node:util";
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { Signature } from "../../../src/queue/records/signature.ts";

const record = new TextEncoder().encode('{"f":"note"}');

describe("Signature.seal()", () => {
  it("appends the HMAC-SHA-256 of the label, a zero byte and the bytes", () => {
    const sealed = new Signature("s3cret").seal(record, "task");
    assertEquals(sealed.length, record.length + 32);
    assertEquals([...sealed.subarray(0, record.length)], [...record]);
    const expected = createHmac("sha256", "s3cret").update("task\0").update(record).digest("hex");
    assertEquals(Array.from(sealed.subarray(-32), (byte) => byte.toString(16).padStart(2, "0")).join(""), expected);
  });

  it("signs an empty record", () => {
    const signature = new Signature("s3cret");
    assertEquals(signature.open(signature.seal(new Uint8Array(), "task"), "task")?.length, 0);
  });
});

describe("Signature.open()", () => {
  const signature = new Signature("s3cret");

  it("returns the bytes that were sealed, whatever they are", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), fc.string({ minLength: 1 }), (bytes, secret) => {
      const signature = new Signature(secret);
      assertEquals([...signature.open(signature.seal(bytes, "task"), "task")!], [...bytes]);
    }));
  });

  it("refuses changed, missing or additional bytes", () => {
    const sealed = signature.seal(record, "task");
    for (let i = 0; i < sealed.length; i++) {
      assertEquals(signature.open(sealed.with(i, sealed[i]! ^ 1), "task"), null);
      assertEquals(signature.open(sealed.subarray(0, i), "task"), null);
      assertEquals(signature.open(sealed.subarray(i + 1), "task"), null);
    }
    assertEquals(signature.open(new Uint8Array([...sealed, 0]), "task"), null);
  });

  it("refuses bytes without a signature, or with one of another secret", () => {
    for (const bytes of [new Uint8Array(), record, new Uint8Array(32), new Uint8Array(1000)]) {
      assertEquals(signature.open(bytes, "task"), null);
    }
    assertEquals(signature.open(new Signature("S3cret").seal(record, "task"), "task"), null);
  });

  it("accepts the signature of any of its secrets, and signs with the first", () => {
    const old = new Signature("old");
    const [before, after] = [new Signature(["old", "new"]), new Signature(["new", "old"])];
    const now = new Signature(["new"]);
    for (const signature of [before, after, old]) assert(signature.open(before.seal(record, "task"), "task"));
    for (const signature of [before, after, now]) assert(signature.open(after.seal(record, "task"), "task"));
    assertEquals([now.open(before.seal(record, "task"), "task"), old.open(after.seal(record, "task"), "task")], [
      null,
      null,
    ]);
  });

  it("refuses what was signed under another label", () => {
    for (const label of ["result", "schedule", "tas", "task ", ""]) {
      assertEquals(signature.open(signature.seal(record, "task"), label), null);
    }
    assertEquals(signature.open(signature.seal(new TextEncoder().encode("ab"), "x"), "xa"), null);
  });

  it("ignores later changes to the list of secrets", () => {
    const secrets = ["a"];
    const signature = new Signature(secrets);
    secrets.length = 0;
    assert(signature.open(new Signature("a").seal(record, "task"), "task"));
  });
});

describe("new Signature()", () => {
  const invalid: [string, unknown][] = [
    ["an empty string", ""],
    ["an empty list", []],
    ["an empty string in a list", ["s3cret", ""]],
    ["a number", 53],
    ["a number in a list", ["s3cret", 53]],
    ["null", null],
    ["bytes", new TextEncoder().encode("s3cret")],
    ["an object", { secret: "s3cret" }],
    ["a list with a hole", new Array(1)],
  ];
  for (const [kind, secrets] of invalid) {
    it(`refuses ${kind} without showing it`, () => {
      const { message } = assertThrows(() => new Signature(secrets as string), TypeError, "signingSecret");
      assert(!/s3cret|53|115/.test(message), message);
    });
  }

  it("never shows its secret when it is inspected or serialised", () => {
    const signature = new Signature("s3cret");
    for (const text of [inspect(signature, { showHidden: true }), JSON.stringify(signature), String(signature)]) {
      assert(!text.includes("s3cret"));
    }
  });
});
