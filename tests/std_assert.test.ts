import { describe, it } from "node:test";
import {
  assert,
  assertAlmostEquals,
  assertArrayIncludes,
  assertEquals,
  assertExists,
  assertGreater,
  assertGreaterOrEqual,
  assertInstanceOf,
  assertLess,
  assertLessOrEqual,
  assertMatch,
  assertNotEquals,
  assertObjectMatch,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
  fail,
  unreachable,
} from "@std/assert";

// With JSR, Deno runs this with the original @std/assert, which shows whether the stand-in behaves in the same way.

class AssertionLike extends Error {}

const passes: Record<string, () => void> = {
  assert: () => assert(1),
  assertEquals: () =>
    assertEquals({ a: [1, new Map([["k", new Uint8Array([1])]])] }, { a: [1, new Map([["k", new Uint8Array([1])]])] }),
  assertNotEquals: () => assertNotEquals<unknown>({ a: 1 }, { a: "1" }),
  assertStrictEquals: () => assertStrictEquals(Number.NaN, Number.NaN),
  assertExists: () => assertExists(0),
  assertInstanceOf: () => assertInstanceOf(new AssertionLike(), Error),
  assertStringIncludes: () => assertStringIncludes("abc", "b"),
  assertMatch: () => assertMatch("abc", /^a/),
  assertArrayIncludes: () => assertArrayIncludes([{ a: 1 }, { b: 2 }, 3], [{ b: 2 }]),
  assertObjectMatch: () => assertObjectMatch({ a: { b: 1, c: 2 }, d: 3 }, { a: { b: 1 } }),
  assertGreater: () => assertGreater(2, 1),
  assertGreaterOrEqual: () => assertGreaterOrEqual(1, 1),
  assertLess: () => assertLess(1, 2),
  assertLessOrEqual: () => assertLessOrEqual(1, 1),
  assertAlmostEquals: () => assertAlmostEquals(0.1 + 0.2, 0.3),
  "assertAlmostEquals with a tolerance": () => assertAlmostEquals(10, 11, 1),
};

const fails: Record<string, () => void> = {
  assert: () => assert(0),
  assertEquals: () => assertEquals<unknown>({ a: 1 }, { a: "1" }),
  assertNotEquals: () => assertNotEquals([1], [1]),
  assertStrictEquals: () => assertStrictEquals({}, {}),
  assertExists: () => assertExists(null),
  assertInstanceOf: () => assertInstanceOf(new Error(), AssertionLike),
  assertStringIncludes: () => assertStringIncludes("abc", "d"),
  assertMatch: () => assertMatch("abc", /^b/),
  assertArrayIncludes: () => assertArrayIncludes([1, 2], [2, 3]),
  assertObjectMatch: () => assertObjectMatch({ a: { b: 1 } }, { a: { b: 1, c: 2 } }),
  assertGreater: () => assertGreater(1, 1),
  assertGreaterOrEqual: () => assertGreaterOrEqual(0, 1),
  assertLess: () => assertLess(1, 1),
  assertLessOrEqual: () => assertLessOrEqual(2, 1),
  assertAlmostEquals: () => assertAlmostEquals(1, 1.01),
  "assertThrows without a throw": () => assertThrows(() => {}),
  "assertThrows with another class": () => assertThrows(() => fail(), AssertionLike),
  "assertThrows with another message": () => assertThrows(() => fail("one"), Error, "two"),
  fail: () => fail(),
  unreachable: () => unreachable(),
};

describe("@std/assert", () => {
  for (const [name, run] of Object.entries(passes)) it(`passes: ${name}`, run);
  for (const [name, run] of Object.entries(fails)) it(`fails: ${name}`, () => void assertThrows(run, Error));

  it("assertThrows() returns the error", () => {
    const thrown = new AssertionLike("broken");
    assertStrictEquals(
      assertThrows(
        () => {
          throw thrown;
        },
        AssertionLike,
        "rok",
      ),
      thrown,
    );
  });

  it("assertRejects() resolves to the error", async () => {
    const thrown = new AssertionLike("broken");
    assertStrictEquals(await assertRejects(() => Promise.reject(thrown), AssertionLike, "rok"), thrown);
  });

  it("assertRejects() fails if the promise resolves, or the function throws", async () => {
    await assertRejects(() => assertRejects(() => Promise.resolve()), Error);
    await assertRejects(
      () =>
        assertRejects(() => {
          throw new AssertionLike();
        }),
      Error,
      "reject",
    );
  });
});
