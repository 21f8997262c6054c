import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { inParts } from "../../../src/broker/redis/chunks.ts";

describe("inParts()", () => {
  it("gives one part of nothing", () => assertEquals(inParts([], 3), [[]]));
  it("gives one part of what fits", () => assertEquals(inParts([1, 2, 3], 3), [[1, 2, 3]]));
  it("cuts what is too long", () => assertEquals(inParts([1, 2, 3, 4, 5], 2), [[1, 2], [3, 4], [5]]));

  it("cuts what is too large, and lets alone what cannot be cut", () => {
    const mebibyte = 1024 * 1024;
    const parts = inParts([3, 1, 1, 9, 1], 10, (size) => size * mebibyte);
    assertEquals(parts, [[3, 1], [1], [9], [1]]);
  });
});
