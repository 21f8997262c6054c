import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { showPath } from "../../src/base/path.ts";

describe("showPath()", () => {
  for (
    const [path, shown] of [
      [[], ""],
      [["items", 0, "due date"], '.items[0]["due date"]'],
      [["größe", "$x", "_y", "1st", ""], '.größe.$x._y["1st"][""]'],
      [["line\nbreak"], '["line\\nbreak"]'],
      [[Symbol("secret"), Symbol()], "[Symbol(secret)][Symbol()]"],
      [[{ secret: 1 }, null, 5n, true], "[object][object][bigint][boolean]"],
      [["x".repeat(101)], `["${"x".repeat(100)}…"]`],
      [Array(21).fill("a"), `${".a".repeat(20)}…`],
    ] as const
  ) {
    it(`shows ${JSON.stringify(shown.slice(0, 40))}`, () => assertEquals(showPath(path).join(""), shown));
  }
});
