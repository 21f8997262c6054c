import { assert, assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { backoff } from "../../src/base/backoff.ts";

const limits = { min: 50, max: 2000 };

describe("backoff()", () => {
  it("never returns less than the minimum", () => {
    for (let attempt = 0; attempt < 100; attempt++) assertEquals(backoff(attempt, limits, () => 0), 50);
  });

  it("doubles its ceiling with each attempt, up to the maximum", () => {
    const ceilings = [0, 1, 2, 3, 4, 5, 6, 1000, 1e9].map((attempt) => backoff(attempt, limits, () => 1));
    assertEquals(ceilings, [100, 200, 400, 800, 1600, 2000, 2000, 2000, 2000]);
  });

  it("uses the whole range", () => {
    const waits = Array.from({ length: 2000 }, () => backoff(10, limits));
    assert(waits.every((wait) => wait >= 50 && wait <= 2000));
    assert(Math.min(...waits) < 200 && Math.max(...waits) > 1800);
  });

  it("returns 0 where both limits are 0", () => assertEquals(backoff(5, { min: 0, max: 0 }), 0));
});
