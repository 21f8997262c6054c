import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { formatAge, formatCell, formatId, formatTable } from "../../src/cli/table.ts";

describe("formatTable()", () => {
  it("makes columns as wide as they need to be, without trailing spaces", () => {
    const rows = [["AGE", "TASK", "ID"], ["10m", "😀", ""], ["1s", "größe", "17"]];
    assertEquals(formatTable(rows), "AGE  TASK   ID\n10m  😀\n1s   größe  17\n");
  });
});

describe("formatCell()", () => {
  const cases: readonly [text: string, width: number, cell: string][] = [
    ["a\r\n b\t\tc ", 80, "a b c"],
    ["a\u001b[2Jb", 80, "a\\u001b[2Jb"],
    ["abcdef", 6, "abcdef"],
    ["abcdefg", 6, "abcde…"],
    ["😀😀😀", 2, "😀…"],
  ];
  for (const [text, width, cell] of cases) {
    it(`formats ${JSON.stringify(text)} in ${width} characters as ${cell}`, () => {
      assertEquals(formatCell(text, width), cell);
    });
  }
});

describe("formatId()", () => {
  it("escapes control characters, also line breaks before indented text, and leaves the rest", () => {
    assertEquals(formatId("größe 17/a"), "größe 17/a");
    assertEquals(formatId("a\n  b\tc\u001b[2J\u202e"), "a\\n  b\\tc\\u001b[2J\\u202e");
  });
});

describe("formatAge()", () => {
  const cases: readonly [seconds: number, age: string][] = [
    [-1, "0s"],
    [0.9, "0s"],
    [59.9, "59s"],
    [60, "1m"],
    [3599, "59m"],
    [3600, "1h"],
    [47 * 3600 + 3599, "47h"],
    [48 * 3600, "2d"],
    [700 * 86_400, "700d"],
  ];
  for (const [seconds, age] of cases) {
    it(`formats ${seconds} seconds as ${age}`, () => assertEquals(formatAge(seconds * 1000), age));
  }
});
