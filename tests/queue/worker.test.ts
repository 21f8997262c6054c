import { describe, it } from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { StreaqError } from "../../src/base/errors.ts";
import { Worker } from "../../src/queue/worker.ts";

describe("task()", () => {
  const worker = new Worker();
  worker.task(() => 1, { name: "taken" });

  it("refuses a missing or invalid name, and one that is taken", () => {
    assertThrows(() => worker.task(() => 2, { name: "taken" }), StreaqError, "taken");
    assertThrows(() => worker.task(() => 2), StreaqError, "expected a named function");
    assertThrows(() => worker.task(() => 2, { name: "" }), StreaqError, "expected a named function");
    assertThrows(() => worker.task(() => 2, { name: "a:b" }), StreaqError, "a:b");
  });

  it("refuses a value that is not a function", () => {
    assertThrows(() => worker.task("no" as unknown as () => void), TypeError, "string");
    assertThrows(() => worker.task(class Thing {}), TypeError, "Thing");
  });

  it("refuses invalid options", () => {
    for (const maxTries of [0, -1, 1.5, NaN]) {
      assertThrows(() => worker.task(() => 1, { name: "x", maxTries }), RangeError, String(maxTries));
    }
    assertThrows(() => worker.task(() => 1, { name: "x", ttl: "soon" as "1s" }), TypeError, "soon");
    assertEquals([...worker.registry.keys()], ["taken"]);
  });
});

describe("new Worker()", () => {
  it("refuses invalid options, and names them", () => {
    assertThrows(() => new Worker({ concurrency: 0 }), RangeError, "concurrency");
    assertThrows(() => new Worker({ prefetch: -1 }), RangeError, "prefetch");
    assertThrows(() => new Worker({ maxPayload: 0 }), RangeError, "maxPayload");
    assertThrows(() => new Worker({ idleTimeout: 1 }), RangeError, "idleTimeout");
    assertThrows(() => new Worker({ gracePeriod: "long" as "1s" }), TypeError, "gracePeriod");
    assertThrows(() => new Worker({ priorities: [] }), RangeError, "priorities");
    assertThrows(() => new Worker({ priorities: ["a", "a"] }), RangeError, "priorities");
    assertThrows(() => new Worker({ priorities: ["a:b"] }), TypeError, "a:b");
    assertThrows(() => new Worker({ queueName: "a:b" }), TypeError, "queueName");
    assertThrows(() => new Worker({ redisUrl: "http://localhost" }), TypeError, "http://localhost");
  });

  it("treats an option of undefined as not given", () => {
    const worker = new Worker({ concurrency: undefined, redis: undefined, id: undefined, logger: undefined });
    assertEquals([worker.id.length, worker.queueName, worker.running], [8, "default", 0]);
  });
});
