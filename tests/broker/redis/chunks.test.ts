import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { inChunks } from "../../../src/broker/redis/chunks.ts";

describe("inChunks()", () => {
  it("gives one part of nothing", () => assertEquals(inChunks([], 3), [[]]));
  it("gives one part of what fits", () => assertEquals(inChunks([1, 2, 3], 3), [[1, 2, 3]]));
  it("cuts what is too long", () => assertEquals(inChunks([1, 2, 3, 4, 5], 2), [[1, 2], [3, 4], [5]]));

  it("cuts what is too large, and lets alone what cannot be cut", () => {
    const mebibyte = 1024 * 1024;
    const parts = inChunks([3, 1, 1, 9, 1], 10, (size) => size * mebibyte);
    assertEquals(parts, [[3, 1], [1], [9], [1]]);
  });
});
