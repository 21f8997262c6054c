import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { inChunks } from "../../../src/broker/redis/chunks.ts";

describe("inChunks()", () => {
  it("returns one empty chunk for an empty list", () => assertEquals(inChunks([], 3), [[]]));
  it("returns one chunk for a list that fits", () => assertEquals(inChunks([1, 2, 3], 3), [[1, 2, 3]]));
  it("cuts a list that is too long", () => assertEquals(inChunks([1, 2, 3, 4, 5], 2), [[1, 2], [3, 4], [5]]));

  it("cuts a list that is too large, and keeps a single large item", () => {
    const mebibyte = 1024 * 1024;
    const chunks = inChunks([3, 1, 1, 9, 1], 10, (size) => size * mebibyte);
    assertEquals(chunks, [[3, 1], [1], [9], [1]]);
  });
});
