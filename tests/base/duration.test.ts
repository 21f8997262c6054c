import { describe, it } from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { type Duration, milliseconds, millisecondsOrNull } from "../../src/base/duration.ts";

describe("milliseconds()", () => {
  const cases: [Duration, number][] = [
    [0, 0],
    [1500, 1500],
    [1.4, 1],
    ["500ms", 500],
    ["5s", 5000],
    ["10m", 600_000],
    ["1.5h", 5_400_000],
    ["7d", 604_800_000],
  ];
  for (const [duration, expected] of cases) {
    it(`reads ${JSON.stringify(duration)}`, () => assertEquals(milliseconds(duration, "timeout"), expected));
  }

  const wrong = ["", "5", "5 s", "-5s", "1e3s", "0x10s", "soon", "10 weeks", null, undefined, {}, true];
  for (const duration of wrong) {
    it(`refuses ${JSON.stringify(duration)}`, () => {
      const shown = typeof duration === "string" ? JSON.stringify(duration) : duration;
      const message = `Cannot use option "timeout": expected milliseconds or a string such as "5s", got ${shown}`;
      assertThrows(() => milliseconds(duration as Duration, "timeout"), TypeError, message);
    });
  }

  for (const duration of [-1, NaN]) {
    it(`refuses ${duration}`, () => {
      const message = `Cannot use option "timeout": expected a duration >= 0, got ${duration}`;
      assertThrows(() => milliseconds(duration, "timeout"), RangeError, message);
    });
  }

  for (const duration of [Infinity, 2 ** 60]) {
    it(`refuses ${duration}`, () => {
      const message = `expected a duration of at most 9007199254740991 ms, got ${duration}`;
      assertThrows(() => milliseconds(duration, "timeout"), RangeError, message);
    });
  }

  it("shows no more than the beginning of a long text", () => {
    const { message } = assertThrows(() => milliseconds("x".repeat(1000) as "5s", "timeout"), TypeError);
    assertEquals(message.length < 150, true);
  });
});

describe("millisecondsOrNull()", () => {
  it("keeps null", () => assertEquals(millisecondsOrNull(null, "timeout"), null));
  it("reads everything else", () => assertEquals(millisecondsOrNull("2s", "timeout"), 2000));
});
