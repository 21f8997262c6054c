import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { systemClock } from "../../src/base/clock.ts";

/** Replaces `setTimeout` while `body` runs; returns the timers that were set instead. */
function captureTimers(body: () => void): { ms: number; fire: () => void }[] {
  const timers: { ms: number; fire: () => void }[] = [];
  const original = globalThis.setTimeout;
  const capture = (fire: () => void, ms: number) => timers.push({ ms, fire });
  globalThis.setTimeout = capture as unknown as typeof setTimeout;
  try {
    body();
  } finally {
    globalThis.setTimeout = original;
  }
  return timers;
}

describe("systemClock", () => {
  it("now() returns Unix milliseconds", () => assert(Math.abs(systemClock.now() - Date.now()) < 1000));

  it("timer() fires once, unless it was cancelled", async () => {
    const fired: string[] = [];
    systemClock.timer(1, () => fired.push("first"));
    systemClock.timer(1, () => fired.push("cancelled")).cancel();
    // Timers fire in the order of their times.
    await new Promise<void>((resolve) => systemClock.timer(10, resolve));
    assertEquals(fired, ["first"]);
  });

  it("timer() splits a wait that is longer than a timer of the runtime can be", () => {
    let fired = 0;
    const [first] = captureTimers(() => systemClock.timer(2 ** 31 + 1000, () => fired++));
    assertEquals(first?.ms, 2 ** 31 - 1);
    const [second, ...others] = captureTimers(() => first?.fire());
    assertEquals([second?.ms, others.length, fired], [1001, 0, 0]);
    assertEquals(captureTimers(() => second?.fire()), []);
    assertEquals(fired, 1);
  });
});
