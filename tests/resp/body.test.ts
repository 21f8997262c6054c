import { assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { describe, it } from "node:test";
import { BinaryBody, TextBody } from "../../src/resp/body.ts";
import { decode } from "./decode.ts";

/** How many bytes TextBody decodes at a time. */
const BLOCK = 256 * 1024;

describe("TextBody", () => {
  it("keeps each character that spans two blocks", () => {
    for (const character of ["a", "\u0080", "\u00e9", "\u0800", "\u2000", "\u20ac", "\u{10000}", "\u{1f600}"]) {
      const size = Buffer.byteLength(character);
      for (let before = 0; before <= size; before++) {
        const text = "x".repeat(BLOCK - before) + character + "y".repeat(10);
        assertText(Buffer.from(text), text);
      }
    }
  });

  it("decodes malformed UTF-8 in blocks like all at once", () => {
    const tails = [
      "c3",
      "e282",
      "f09f98",
      "f09f9880",
      "80",
      "8080",
      "808080",
      "80808080",
      "ff",
      "c380",
      "eda080",
      "f8",
      "f880",
      "c3c3",
      "f0f0f0",
    ];
    for (const tail of tails) {
      for (const next of ["61", "80", "8280", "989f80", "c3a9"]) {
        const bytes = Buffer.concat([
          Buffer.alloc(BLOCK - tail.length / 2, "x"),
          Buffer.from(tail, "hex"),
          Buffer.from(next, "hex"),
        ]);
        assertText(bytes, new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes));
      }
    }
  });

  it("decodes a long text with characters of every size", () => {
    const text = "a\u00e9\u20ac\u{1f600}".repeat(150_000);
    assertText(Buffer.from(text), text);
  });
});

describe("BinaryBody", () => {
  it("keeps more bytes than it was created for", () => {
    const body = new BinaryBody(10);
    const bytes = Buffer.from(Array.from({ length: 1000 }, (_, at) => at % 251));
    for (let at = 0; at < bytes.length; at += 7) body.add(bytes, at, Math.min(at + 7, bytes.length));
    assertEquals(Buffer.compare(body.finish(), bytes), 0);
  });
});

/** Asserts the text of these bytes, also through the decoder: as a string of known size and as a streamed one. */
function assertText(bytes: Buffer, expected: string): void {
  const body = new TextBody(bytes.length);
  body.add(bytes, 0, bytes.length);
  assertSame(body.finish(), expected);
  const tail = Buffer.from("\r\n");
  const wires = [
    Buffer.concat([Buffer.from(`$${bytes.length}\r\n`), bytes, tail]),
    Buffer.concat([Buffer.from(`$?\r\n;${bytes.length}\r\n`), bytes, tail, Buffer.from(";0\r\n")]),
  ];
  for (const wire of wires) assertSame(decode(wire, { chunks: [65_521] }).values[0], expected);
}

/** Compares two long texts; the error shows where they differ instead of all of them. */
function assertSame(actual: unknown, expected: string): void {
  if (actual === expected) return;
  const text = String(actual);
  let at = 0;
  while (at < expected.length && text[at] === expected[at]) at++;
  assertEquals({ at, length: text.length, text: text.slice(at, at + 10) }, {
    at,
    length: expected.length,
    text: expected.slice(at, at + 10),
  });
}
