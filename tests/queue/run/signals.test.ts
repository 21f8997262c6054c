import process from "node:process";
import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import type { Clock } from "../../../src/base/clock.ts";
import { listenForSignals } from "../../../src/queue/run/signals.ts";

/** A clock whose monotonic time the test sets. */
function manualClock(): Clock & { time: number } {
  const clock = {
    time: 0,
    now: () => 0,
    monotonic: () => clock.time,
    timer: () => {
      throw new Error("Signals need no timer");
    },
  };
  return clock;
}

describe("listenForSignals()", () => {
  it("has one listener of the process for any number of workers", () => {
    const before = [process.listenerCount("SIGINT"), process.listenerCount("SIGTERM")];
    const stops = Array.from({ length: 12 }, () => listenForSignals(() => {}, { clock: manualClock() }));
    assertEquals(process.listenerCount("SIGINT"), before[0]! + 1);
    for (const stop of stops) stop();
    assertEquals([process.listenerCount("SIGINT"), process.listenerCount("SIGTERM")], before);
  });

  it("calls every worker once, and takes signals within 500 ms for one, and any SIGTERM after that for the same", () => {
    const clock = manualClock();
    const heard: string[] = [];
    const stops = ["a", "b"].map((name) => listenForSignals((signal) => heard.push(`${name} ${signal}`), { clock }));
    // Emitting reaches the listeners without a real signal, whose second SIGINT would end this process.
    process.emit("SIGINT", "SIGINT");
    clock.time = 499;
    process.emit("SIGINT", "SIGINT");
    process.emit("SIGTERM", "SIGTERM");
    clock.time = 60_000;
    process.emit("SIGTERM", "SIGTERM");
    assertEquals(heard, ["a SIGINT", "b SIGINT"]);
    for (const stop of stops) stop();
  });
});
