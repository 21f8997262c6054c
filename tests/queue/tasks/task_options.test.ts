import { describe, it } from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { Worker } from "../../../src/queue/worker.ts";

describe("the option version", () => {
  const worker = new Worker({ redisUrl: "memory://" });

  for (const version of [0, -1, 1.5, NaN, Infinity, 2 ** 53, 1e300, "2", null, true, 2n]) {
    it(`throws for ${typeof version} ${version}`, () => {
      const options = { version: version as number };
      const message = `Cannot use option "version": expected an integer >= 1, got ${version}`;
      assertThrows(() => worker.task("job", () => 1, options), RangeError, message);
      assertThrows(() => worker.cron("@daily", () => 1, { name: "job", ...options }), RangeError, message);
    });
  }

  it("may be left out, and is an option of tasks and cron jobs", () => {
    const versions = [undefined, 1, 7, Number.MAX_SAFE_INTEGER];
    for (const [i, version] of versions.entries()) {
      assertEquals(worker.task(`task-${i}`, () => 1, { version }).options.version, version);
      assertEquals(worker.cron("@daily", () => 1, { name: `cron-${i}`, version }).options.version, version);
    }
  });
});
