import { describe, it } from "node:test";
import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { eventually } from "./poll.ts";

describe("eventually()", () => {
  it("calls again while the function throws or says false", async () => {
    let calls = 0;
    const value = await eventually(() => {
      calls++;
      if (calls === 1) throw new Error("not yet");
      return calls === 2 ? false : "done";
    });
    assertEquals([value, calls], ["done", 3]);
  });

  it("takes undefined for an end, so that it can hold assertions", async () => {
    assertEquals(await eventually(async () => {}), undefined);
  });

  it("gives up with the last error as the cause", async () => {
    const last = new Error("last");
    const error = await assertRejects(
      () => eventually(() => Promise.reject(last), { timeout: 30, message: "it is so" }),
      Error,
      "Not so after 30 ms: it is so",
    );
    assertEquals(error.cause, last);
  });

  it("gives up on a call that never settles", async () => {
    const error = await assertRejects(() => eventually(() => new Promise(() => {}), { timeout: 30 }), Error);
    assertInstanceOf(error.cause, Error);
  });
});
