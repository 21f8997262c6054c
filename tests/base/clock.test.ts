import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { systemClock } from "../../src/base/clock.ts";

describe("systemClock", () => {
  it("tells Unix milliseconds", () => assert(Math.abs(systemClock.now() - Date.now()) < 1000));

  it("fires once, and not when it was cancelled", async () => {
    const fired: string[] = [];
    systemClock.timer(1, () => fired.push("first"));
    systemClock.timer(1, () => fired.push("cancelled")).cancel();
    await new Promise((resolve) => setTimeout(resolve, 30));
    assertEquals(fired, ["first"]);
  });

  it("waits longer than one timer of the runtime can", async () => {
    let fired = false;
    const timer = systemClock.timer(2 ** 31 + 1000, () => fired = true);
    await new Promise((resolve) => setTimeout(resolve, 20));
    timer.cancel();
    assertEquals(fired, false);
  });
});
