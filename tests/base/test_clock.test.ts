import { describe, it } from "node:test";
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { type Duration, TestClock } from "../../src/base/test_clock.ts";

const noon = new Date("2027-03-27T12:00:00Z");

describe("TestClock", () => {
  it("stands still until it is advanced", () => {
    const clock = new TestClock({ now: noon });
    assertEquals([clock.now(), clock.monotonic()], [noon.getTime(), 0]);
    assertEquals(new TestClock({ now: 17 }).now(), 17);
  });

  it("advance() fires the timers that become due, in order, each at its time", async () => {
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

  it("advance() fires timers that other timers set, and lets promises settle in between", async () => {
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

  it("advance() starts from where an earlier call ends", async () => {
    const clock = new TestClock({ now: 0 });
    const times: number[] = [];
    clock.timer(1500, () => times.push(clock.now()));
    await Promise.all([clock.advance("1s"), clock.advance("1s")]);
    assertEquals([clock.now(), times], [2000, [1500]]);
  });

  it("timer() can be cancelled at any time, repeatedly", async () => {
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

  it("advance() waits while events occur, but not for ever for a function that is running", async () => {
    const clock = new TestClock({ now: 0, patience: 400 });
    const activity = { version: 0, running: 1 };
    clock.watch(activity);
    // Together they take longer than the patience, which begins anew with each event.
    const timer = setInterval(() => {
      if (++activity.version === 25) clearInterval(timer);
    }, 20);
    await clock.advance(0);
    assertEquals(activity.version, 25);
    activity.running = 0;
    await clock.advance("1h");
    assertEquals(clock.now(), 3_600_000);
  });

  it("advance() rejects when a timer throws, and can be called again", async () => {
    const clock = new TestClock({ now: 0 });
    clock.timer(10, () => {
      throw new Error("from a timer");
    });
    await assertRejects(() => clock.advance(20), Error, "from a timer");
    await clock.advance(20);
    assertEquals(clock.now(), 30);
  });

  it("refuses invalid times and durations", async () => {
    assertThrows(() => new TestClock({ now: new Date("no") }), RangeError, 'Cannot use option "now"');
    assertThrows(() => new TestClock({ patience: -1 }), RangeError, 'Cannot use option "patience"');
    await assertRejects(async () => await new TestClock().delay(-1), RangeError, "Cannot wait: expected");
    const advance = async (duration: Duration) => await new TestClock().advance(duration);
    await assertRejects(() => advance(-1), RangeError, "Cannot advance the clock: expected");
    await assertRejects(() => advance("6 hours" as "6h"), TypeError, 'got "6 hours"');
  });
});
