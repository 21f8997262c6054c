import { describe, it } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { StreaqError } from "../../../src/base/errors.ts";
import { Calendar } from "../../../src/queue/schedule/calendar.ts";
import { isTimeZone } from "../../../src/queue/schedule/time_zone.ts";
import { Worker } from "../../../src/queue/worker.ts";

const accepted = ["UTC", "GMT", "Europe/Berlin", "europe/berlin", "Asia/Kolkata", "Etc/GMT+5", "EST5EDT", "US/Pacific"];

/** Each of them is accepted by one runtime and refused by another, or stands for the machine's zone. */
const refused: unknown[] = [
  "+05:30",
  "-08",
  "+0530",
  "PST",
  "ist",
  "Factory",
  "SystemV/EST5",
  "",
  " ",
  "Mars/Base",
  "Europe/Berlin ",
  "Europe Berlin",
  null,
  undefined,
  5,
  ["UTC"],
];

describe("isTimeZone()", () => {
  for (const timeZone of accepted) {
    it(`accepts ${timeZone}`, () => assert(isTimeZone(timeZone)));
  }

  for (const timeZone of refused) {
    it(`refuses ${JSON.stringify(timeZone)} on every runtime`, () => {
      assert(!isTimeZone(timeZone));
    });
  }
});

describe("a time zone that is not an IANA name", () => {
  for (const timeZone of refused.filter((timeZone) => timeZone !== undefined)) {
    it(`is refused for a worker and a cron job: ${JSON.stringify(timeZone)}`, () => {
      const options = { timeZone: timeZone as string };
      assertThrows(() => new Worker(options), RangeError, 'Cannot use option "timeZone": expected an IANA time zone');
      const worker = new Worker({ redisUrl: "memory://" });
      const register = () => worker.cron("0 9 * * *", () => {}, { ...options, name: "job" });
      assertThrows(register, StreaqError, "expected an IANA time zone");
      assertThrows(() => worker.cron("* * * * *", () => {}, { ...options, name: "job" }), StreaqError);
      assertEquals(worker.registry.size, 0);
    });
  }
});

/** Expressions of which a runtime or a version of the parser might make something else. */
const odd: [expression: unknown, next: string | null][] = [
  ["? ? ? ? ?", "2027-01-01T00:01:00.000Z"],
  ["0\u00a00\t1\n1 *", "2028-01-01T00:00:00.000Z"],
  ["0 0 LW * *", "2027-01-29T00:00:00.000Z"],
  ["0 0 0 1 1 * 9999", "9999-01-01T00:00:00.000Z"],
  ["0 0 31 2 *", null],
];
const oddRefused: unknown[] = [
  new Date("2030-01-01T00:00:00Z"),
  ["* * * * *"],
  "2030-01-01T00:00:00",
  "2030-01-01T00:00:00Z",
  "１ * * * *",
  "0 0 * * ſun",
  "1e1 * * * *",
  "0x10 * * * *",
  "1.5 * * * *",
  "5/15 * * * *",
  "0 0 * * 5-1",
  "* * * *",
  "@reboot",
  "",
  null,
  5,
];

describe("Calendar.next()", () => {
  const calendar = new Calendar();
  const now = Date.parse("2027-01-01T00:00:30Z");

  for (const [expression, next] of odd) {
    it(`reads ${JSON.stringify(expression)} in the same way on every runtime`, () => {
      const time = calendar.next(expression as string, "UTC", now);
      assertEquals(time && new Date(time).toISOString(), next);
    });
  }

  for (const expression of oddRefused) {
    it(`refuses ${JSON.stringify(expression)} on every runtime`, () => {
      assertThrows(() => calendar.next(expression as string, "UTC", now), StreaqError, "Cannot use cron expression");
    });
  }
});
