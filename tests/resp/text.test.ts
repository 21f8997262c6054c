import { assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { describe, it } from "node:test";
import { text } from "../../src/resp/text.ts";

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

describe("text()", () => {
  it("decodes texts of every length, with a byte that is not ASCII in any position", () => {
    for (const length of [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 255, 256, 257, 1000]) {
      for (const filling of [0, 0x61, 0x7f]) {
        for (let at = 0; at <= Math.min(length, 12); at++) {
          const bytes = Buffer.alloc(length, filling);
          if (at < length) bytes[at] = 0x80;
          assertEquals(text(bytes, 0, length), decoder.decode(bytes));
        }
      }
    }
  });

  it("decodes a range of bytes only", () => {
    const bytes = Buffer.from("\u20ac".repeat(200));
    for (const [start, end] of [[3, 6], [3, 12], [3, 597], [1, 598]] as const) {
      assertEquals(text(bytes, start, end), decoder.decode(bytes.subarray(start, end)));
    }
  });

  it("keeps a byte order mark in texts of every length", () => {
    for (const rest of ["", "abc", "x".repeat(20), "x".repeat(2000)]) {
      const bytes = Buffer.from(`\ufeff${rest}`);
      assertEquals(text(bytes, 0, bytes.length), `\ufeff${rest}`);
    }
  });
});
