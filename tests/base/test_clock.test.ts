import { describe, it } from "node:test";
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { TestClock } from "../../src/base/test_clock.ts";

const noon = new Date("2027-03-27T12:00:00Z");

describe("TestClock", () => {
  it("stands still", () => {
    const clock = new TestClock({ now: noon });
    assertEquals([clock.now(), clock.monotonic()], [noon.getTime(), 0]);
    assertEquals(new TestClock({ now: 17 }).now(), 17);
  });

  it("fires what becomes due, in order, each at its time", async () => {
    const clock = new TestClock({ now: 0 });
    const fired: [string, number][] = [];
    const set = (name: string, ms: number) => clock.timer(ms, () => fired.push([name, clock.now()]));
    set("late", 61_000);
    set("second", 30_000);
    set("first", 10);
    set("second too", 30_000);
    set("at once", 0);
    set("before that", -5);
    set("never", 20_000).cancel();
    await clock.advance("1m");
    assertEquals(fired, [
      ["at once", 0],
      ["before that", 0],
      ["first", 10],
      ["second", 30_000],
      ["second too", 30_000],
    ]);
    assertEquals(clock.now(), 60_000);
    await clock.advance(1000);
    assertEquals(fired.at(-1), ["late", 61_000]);
  });

  it("fires what others set on the way, and lets promises go on in between", async () => {
    const clock = new TestClock({ now: 0 });
    const times: number[] = [];
    const again = async () => {
      times.push(clock.now());
      await Promise.resolve();
      await new Promise((resolve) => setImmediate(resolve));
      clock.timer(100, again);
    };
    clock.timer(100, again);
    await clock.advance(350);
    assertEquals(times, [100, 200, 300]);
  });

  it("goes on from where it stops, when it is told twice at once", async () => {
    const clock = new TestClock({ now: 0 });
    const times: number[] = [];
    clock.timer(1500, () => times.push(clock.now()));
    await Promise.all([clock.advance("1s"), clock.advance("1s")]);
    assertEquals([clock.now(), times], [2000, [1500]]);
  });

  it("lets nothing of a timer be left that was cancelled or has fired", async () => {
    const clock = new TestClock({ now: 0 });
    let fired = 0;
    const timer = clock.timer(10, () => fired++);
    await clock.advance(10);
    timer.cancel();
    timer.cancel();
    const other = clock.timer(10, () => fired++);
    other.cancel();
    other.cancel();
    await clock.advance(100);
    assertEquals(fired, 1);
  });

  it("waits for what goes on, but not for ever for what runs", async () => {
    const clock = new TestClock({ now: 0, patience: 50 });
    const activity = { version: 0, running: 1 };
    clock.watch(activity);
    // What happens now and then is waited for, however long it takes in all.
    const timer = setInterval(() => activity.version++, 10);
    setTimeout(() => clearInterval(timer), 150);
    const start = performance.now();
    await clock.advance(0);
    const ms = performance.now() - start;
    assertEquals(ms >= 150, true, `it went on after ${ms} ms`);
    activity.running = 0;
    await clock.advance("1h");
    assertEquals(clock.now(), 3_600_000);
  });

  it("goes on after a callback that has thrown", async () => {
    const clock = new TestClock({ now: 0 });
    clock.timer(10, () => {
      throw new Error("from a timer");
    });
    await assertRejects(() => clock.advance(20), Error, "from a timer");
    await clock.advance(20);
    assertEquals(clock.now(), 30);
  });

  it("refuses what is no time and no span", async () => {
    assertThrows(() => new TestClock({ now: new Date("no") }), RangeError, "Invalid Date");
    assertThrows(() => new TestClock({ patience: -1 }), RangeError, "-1");
    await assertRejects(async () => await new TestClock().advance(-1), RangeError, "-1");
    await assertRejects(async () => await new TestClock().advance("6 hours" as "6h"), TypeError, "6 hours");
  });
});
