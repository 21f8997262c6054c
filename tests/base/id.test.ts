import { describe, it } from "node:test";
import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { StreaqError } from "../../src/base/errors.ts";
import { checkId, randomId } from "../../src/base/id.ts";

describe("checkId()", () => {
  it("returns a valid id", () => {
    for (const id of ["1", "x".repeat(512), "\u{1f600}"]) assertEquals(checkId(id), id);
  });

  for (const id of ["", "x".repeat(513), "\ud800", 5, null, undefined]) {
    it(`refuses ${JSON.stringify(id)?.slice(0, 20)}`, () => {
      const message = "Cannot use id: expected 1 to 512 characters of well-formed Unicode, got ";
      assertThrows(() => checkId(id), StreaqError, message);
    });
  }

  it("names the option that holds the id", () => {
    assertThrows(() => checkId("", "after"), StreaqError, 'Cannot use option "after": expected');
  });
});

describe("randomId()", () => {
  it("returns 32 hexadecimal digits, always different", () => {
    const ids = Array.from({ length: 1000 }, randomId);
    for (const id of ids) assertMatch(id, /^[0-9a-f]{32}$/);
    assertEquals(new Set(ids).size, 1000);
  });
});
