import { describe, it } from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { StreaqError } from "../../../src/base/errors.ts";
import { Calendar } from "../../../src/queue/schedule/calendar.ts";
import { occurrenceId } from "../../../src/queue/schedule/occurrence.ts";

const calendar = new Calendar();

/** Returns the times at which an expression is due within some hours, as hours and minutes in its time zone. */
function dueIn(expression: string, timeZone: string, from: string, hours: number): string[] {
  const format = new Intl.DateTimeFormat("en-GB", { timeZone, hour: "2-digit", minute: "2-digit" });
  const end = Date.parse(from) + hours * 3_600_000;
  const times: string[] = [];
  for (let time = calendar.next(expression, timeZone, Date.parse(from)); time !== null && time < end;) {
    times.push(format.format(time));
    time = calendar.next(expression, timeZone, time);
  }
  return times;
}

/** Clock changes of 2027, each with its time zone and the start of the hours that are tested. */
const changes: Record<string, [zone: string, from: string]> = {
  "Berlin, spring": ["Europe/Berlin", "2027-03-27T23:00:00Z"],
  "Berlin, autumn": ["Europe/Berlin", "2027-10-30T22:00:00Z"],
  "New York, spring": ["America/New_York", "2027-03-14T05:00:00Z"],
  "New York, autumn": ["America/New_York", "2027-11-07T04:00:00Z"],
  "Lord Howe, spring": ["Australia/Lord_Howe", "2027-10-02T13:30:00Z"],
  "Lord Howe, autumn": ["Australia/Lord_Howe", "2027-04-03T13:00:00Z"],
  "Santiago, autumn": ["America/Santiago", "2027-04-04T00:00:00Z"],
  "Kolkata, none": ["Asia/Kolkata", "2027-03-27T18:30:00Z"],
};

/** The table of `docs/scheduling.md`. */
const table: [expression: string, change: string, times: string[]][] = [
  ["30 2 * * *", "Berlin, spring", ["03:00"]],
  ["30 2 * * *", "Berlin, autumn", ["02:30"]],
  ["0 2,3 * * *", "Berlin, spring", ["03:00"]],
  ["0 2,3 * * *", "Berlin, autumn", ["02:00", "03:00"]],
  ["15 1 * * *", "Berlin, spring", ["01:15"]],
  ["*/30 1-3 * * *", "Berlin, spring", ["01:00", "01:30", "03:00", "03:30"]],
  ["*/30 1-3 * * *", "Berlin, autumn", ["01:00", "01:30", "02:00", "02:30", "02:00", "02:30", "03:00", "03:30"]],
  ["0 * * * *", "Berlin, spring", ["01:00", "03:00", "04:00", "05:00"]],
  ["0 * * * *", "Berlin, autumn", ["01:00", "02:00", "02:00", "03:00"]],
  ["0 */2 * * *", "Berlin, spring", ["04:00"]],
  ["@daily", "Berlin, autumn", []],
  ["30 2 * * *", "New York, spring", ["03:00"]],
  ["30 1 * * *", "New York, autumn", ["01:30"]],
  ["*/30 1 * * *", "New York, autumn", ["01:00", "01:30", "01:00", "01:30"]],
  ["15 2 * * *", "Lord Howe, spring", ["02:30"]],
  ["45 1 * * *", "Lord Howe, autumn", ["01:45"]],
  ["*/15 1 * * *", "Lord Howe, autumn", ["01:00", "01:15", "01:30", "01:45", "01:30", "01:45"]],
  ["30 23 * * *", "Santiago, autumn", ["23:30"]],
  ["30 2 * * *", "Kolkata, none", ["02:30"]],
  ["0 * * * *", "Kolkata, none", ["01:00", "02:00", "03:00", "04:00"]],
];

describe("Calendar.next()", () => {
  for (const [expression, change, times] of table) {
    it(`finds ${times.join(" ") || "no time"} for ${expression} (${change})`, () => {
      const [zone, from] = changes[change]!;
      assertEquals(dueIn(expression, zone, from, 4.75), times);
    });
  }

  const shapes: [expression: string, next: string][] = [
    ["* * * * *", "2027-01-01T00:01:00.000Z"],
    ["*/10 * * * * *", "2027-01-01T00:00:10.000Z"],
    ["0 0 12 1 6 * 2030", "2030-06-01T12:00:00.000Z"],
    ["30 9 * * mon-fri", "2027-01-01T09:30:00.000Z"],
    ["0 0 1 jan,jul *", "2027-07-01T00:00:00.000Z"],
    ["0 0 L * *", "2027-01-31T00:00:00.000Z"],
    ["0 0 * * fri#2", "2027-01-08T00:00:00.000Z"],
    ["0 0 * * 5L", "2027-01-29T00:00:00.000Z"],
    ["@hourly", "2027-01-01T01:00:00.000Z"],
    ["@daily", "2027-01-02T00:00:00.000Z"],
    ["@weekly", "2027-01-03T00:00:00.000Z"],
    ["@monthly", "2027-02-01T00:00:00.000Z"],
    ["@yearly", "2028-01-01T00:00:00.000Z"],
  ];
  for (const [expression, next] of shapes) {
    it(`accepts ${expression}`, () => {
      const time = calendar.next(expression, "UTC", Date.parse("2027-01-01T00:00:00Z"));
      assertEquals(time && new Date(time).toISOString(), next);
    });
  }

  it("returns null if an expression is never due again", () => {
    assertEquals(calendar.next("0 0 0 1 1 * 2020", "UTC", Date.now()), null);
  });

  it("refuses an invalid expression or time zone, with the reason", () => {
    for (const bad of ["", "x", "* * * *", "60 * * * *", "* * * * * * * *", "@never", 5 as unknown as string]) {
      assertThrows(() => calendar.next(bad, "UTC", 0), StreaqError, "Cannot use cron expression ");
    }
    assertThrows(() => calendar.next("* * * * *", "Mars/Base", 0), StreaqError, "Mars/Base");
  });
});

describe("occurrenceId()", () => {
  it("returns the id that the wire format specifies", () => {
    assertEquals(occurrenceId("foo", 1_700_000_000_000), "46e1b05a50ed4bb19df845924dc1c3e5");
  });
});
