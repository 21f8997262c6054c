import { describe, it } from "node:test";
import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { eventually } from "./poll.ts";

describe("eventually()", () => {
  it("calls the function again while it throws or returns false", async () => {
    let calls = 0;
    const value = await eventually(() => {
      calls++;
      if (calls === 1) throw new Error("not yet");
      return calls === 2 ? false : "done";
    });
    assertEquals([value, calls], ["done", 3]);
  });

  it("accepts a function without a return value, such as an assertion", async () => {
    assertEquals(await eventually(async () => {}), undefined);
  });

  it("rejects with the last error as the cause when the timeout has passed", async () => {
    const last = new Error("last");
    const error = await assertRejects(
      () => eventually(() => Promise.reject(last), { timeout: 30, message: "the condition" }),
      Error,
      "Condition not met within 30 ms: the condition",
    );
    assertEquals(error.cause, last);
  });

  it("rejects when a call does not settle before the timeout", async () => {
    const error = await assertRejects(() => eventually(() => new Promise(() => {}), { timeout: 30 }), Error);
    assertInstanceOf(error.cause, Error);
  });
});
