import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { Calendar } from "../../../src/queue/schedule/calendar.ts";
import { WallClock } from "../../../src/queue/schedule/wall_clock.ts";

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

/** Every instant of 2026 and 2027 at which the clocks of a zone change, with the zone. */
function clockChanges(): { timeZone: string; instant: number; clock: WallClock }[] {
  const changes = [];
  for (const timeZone of Intl.supportedValuesOf("timeZone")) {
    const clock = new WallClock(timeZone);
    const offset = (instant: number) => clock.at(instant) - instant;
    let low = Date.UTC(2026, 0, 1);
    for (let high = low + 7 * day; high < Date.UTC(2028, 0, 1); low = high, high += 7 * day) {
      if (offset(low) === offset(high)) continue;
      let [before, after] = [low, high];
      while (after - before > 1) {
        const middle = Math.floor((before + after) / 2);
        if (offset(middle) === offset(low)) before = middle;
        else after = middle;
      }
      changes.push({ timeZone, instant: after, clock });
    }
  }
  return changes;
}

/** The instants, minute by minute, at which a wall clock first reaches or passes one of the given times of a day. */
function reached(clock: WallClock, times: readonly number[], from: number, to: number): number[] {
  const instants = [];
  let latest = clock.at(from);
  for (let instant = from + minute; instant <= to; instant += minute) {
    const wall = clock.at(instant);
    const isDue = times.some((time) => {
      const today = Math.floor(wall / day) * day + time;
      return [today - day, today].some((due) => latest < due && due <= wall);
    });
    if (isDue) instants.push(instant);
    latest = Math.max(latest, wall);
  }
  return instants;
}

const changes = clockChanges();
const gapsAtMidnight = changes.filter(({ instant, clock }) => {
  const [before, after] = [clock.at(instant - 1), clock.at(instant)];
  return after - before > minute && new Date(before + 1).getUTCDate() !== new Date(after + hour).getUTCDate() ||
    [0, 23].includes(new Date(before + 1).getUTCHours());
});

describe("Calendar.next() around a clock change at midnight", () => {
  const expressions: [expression: string, times: number[]][] = [
    ["30 23 * * *", [23.5 * hour]],
    ["0 0 * * *", [0]],
    ["@daily", [0]],
    ["30 0 * * *", [0.5 * hour]],
    ["15,45 23,0 * * *", [0.25 * hour, 0.75 * hour, 23.25 * hour, 23.75 * hour]],
  ];
  const calendar = new Calendar();

  it("is tried on zones that have one", () => {
    assert(gapsAtMidnight.some(({ timeZone }) => timeZone === "America/Nuuk" || timeZone === "America/Godthab"));
    assert(gapsAtMidnight.length >= 3, `${gapsAtMidnight.length} gaps`);
  });

  for (const [expression, times] of expressions) {
    it(`agrees with the wall clock, minute by minute, in every zone: ${expression}`, () => {
      for (const { timeZone, instant, clock } of gapsAtMidnight) {
        const [from, to] = [instant - 30 * hour, instant + 30 * hour];
        const due = [];
        for (let time = calendar.next(expression, timeZone, from); time !== null && time <= to;) {
          due.push(time);
          time = calendar.next(expression, timeZone, time);
        }
        assertEquals(due, reached(clock, times, from, to), `${timeZone} at ${new Date(instant).toISOString()}`);
      }
    });
  }

  it("is at the end of the gap for America/Nuuk on 27 March 2027", () => {
    const next = calendar.next("30 23 * * *", "America/Nuuk", Date.UTC(2027, 2, 27, 12));
    assertEquals(next, Date.UTC(2027, 2, 28, 1));
  });
});

describe("WallClock", () => {
  it("instantOf() is the inverse of at(), for the first of two equal times", () => {
    for (const { instant, clock, timeZone } of changes) {
      for (const time of [instant - 3 * hour, instant - 1, instant, instant + 3 * hour]) {
        const first = clock.instantOf(clock.at(time));
        assertEquals(clock.at(first), clock.at(time), timeZone);
        assert(first <= time, timeZone);
      }
    }
  });
});
