import { describe, it } from "node:test";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { taskContext } from "../../mod.ts";
import { StreaqError, StreaqRetry } from "../../src/base/errors.ts";
import { Worker } from "../../src/queue/worker.ts";
import { createClient } from "../../src/redis/mod.ts";
import { TestClock } from "../../src/base/test_clock.ts";
import { behaviour } from "./behaviour.ts";
import { Lines, running, sleep } from "./stage.ts";

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
    assertThrows(() => worker.task("no" as unknown as () => void), TypeError, "expected a function, got undefined");
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

describe("task(name, fn)", () => {
  it("takes the name first", async () => {
    const worker = new Worker();
    const double = worker.task("double", (value: number) => value * 2, { maxTries: 5 });
    assertEquals([double.fnName, double.options.maxTries, await double(21)], ["double", 5, 42]);
    assert(worker.registry.get("double") === double);
    assertThrows(() => worker.task("double", () => 1), StreaqError, "taken");
    assertThrows(() => worker.task("", () => 1), StreaqError, "expected a named function");
  });

  it("warns of the name of a function that has one or two characters", () => {
    const logger = new Lines();
    const worker = new Worker({ logger });
    worker.task(function s() {});
    worker.cron("@daily", function ab() {});
    worker.task("t", () => 1);
    worker.task(function abc() {});
    assertEquals(logger.all.map((line) => line.slice(0, 15)), ["warn task s has", "warn task ab ha"]);
  });
});

describe("options", () => {
  it("with an unknown name are refused, with the nearest one that exists", () => {
    const worker = new Worker({ redisUrl: "memory://unknown-options" });
    const task = worker.task("task", () => 1);
    const clock = { patience: 1, nov: 1 };
    const bags: [name: string, nearest: string, use: (options: object) => unknown][] = [
      ["redisURL", "redisUrl", (options) => new Worker(options)],
      ["graceperiod", "gracePeriod", (options) => new Worker(options)],
      ["maxtries", "maxTries", (options) => worker.task("other", () => 1, options)],
      ["timezone", "timeZone", (options) => worker.cron("@daily", function other() {}, options)],
      ["dellay", "delay", (options) => task.enqueue().start(options)],
      ["userName", "username", (options) => createClient("redis://localhost:1", options)],
      ["nov", "now", () => new TestClock(clock)],
      ["dellay", "delay", (options) => new StreaqRetry("later", options)],
    ];
    for (const [name, nearest, use] of bags) {
      const message = `Cannot use option "${name}": there is no such option, did you mean "${nearest}"?`;
      assertThrows(() => use({ [name]: 1 }), TypeError, message);
    }
    assertThrows(() => new Worker({ colour: 1 } as object), TypeError, "expected one of redisUrl, ");
  });

  it("with an unknown name are refused where they are waited for", async () => {
    await using worker = new Worker({ redisUrl: "memory://unknown-options" });
    const task = await worker.task("task", () => 1).enqueue();
    const calls: [name: string, use: (options: object) => Promise<unknown>][] = [
      ["time", (options) => task.result(options)],
      ["time", (options) => task.value(options)],
      ["time", (options) => task.abort(options)],
      ["limt", (options) => worker.getTasksByStatus("queued", options)],
      ["limt", (options) => worker.schedules(options)],
      ["limt", (options) => worker.graph("x", options)],
      ["scheduled", (options) => worker.queueSize(options)],
      ["brust", (options) => worker.run(options)],
      ["timeout", (options) => worker.connect(options)],
      ["burst", (options) => worker.drain(options)],
    ];
    for (const [name, use] of calls) {
      await assertRejects(() => use({ [name]: 1 }), TypeError, `Cannot use option "${name}": there is no such option`);
    }
  });

  it("that are no object, or belong to an existing client, are refused", async () => {
    await using worker = new Worker({ redisUrl: "memory://unknown-options" });
    await assertRejects(() => worker.connect("10s" as unknown as object), TypeError, "expected an object, got string");
    await assertRejects(() => worker.connect(new AbortController().signal as object), TypeError, "Cannot use option");
    assertThrows(
      () => new Worker(7 as unknown as object),
      TypeError,
      "Cannot use the options: expected an object, got number",
    );
    await using redis = createClient();
    new Worker({ redis, redisOptions: {} });
    const both = { redis, redisOptions: { name: "mine" } };
    assertThrows(() => new Worker(both), TypeError, 'Cannot use option "redis" with option "redisOptions.name"');
    const two = { redis, redisUrl: "redis://localhost:6379" };
    assertThrows(() => new Worker(two), TypeError, 'Cannot use option "redis" with option "redisUrl"');
  });

  it("with a logger that would log nothing are refused", () => {
    const some = { debug() {}, warn() {} };
    assertThrows(() => new Worker({ logger: some as unknown as Lines }), TypeError, "got one without info, error");
    assertThrows(() => createClient(undefined, { logger: (() => {}) as unknown as Lines }), TypeError, '"logger"');
  });

  it("that are not supported yet are refused, unless they are switched off", () => {
    for (const name of ["sentinelNodes", "sentinelMaster", "sentinelOptions", "clusterNodes", "interop", "history"]) {
      const message = `Cannot use option "${name}": it is not supported yet`;
      assertThrows(() => new Worker({ [name]: true } as object), StreaqError, message);
      new Worker({ [name]: undefined } as object);
    }
    new Worker({ interop: false, history: false } as object);
    for (const redisUrl of ["redis+sentinel://one,two/mymaster", "redis+cluster://one,two"]) {
      assertThrows(() => new Worker({ redisUrl }), StreaqError, "it is not supported yet");
    }
  });
});

behaviour("gracePeriod", (stage) => {
  it("lets running tasks finish unless it is 0", async () => {
    const worker = await stage.worker({ gracePeriod: undefined });
    let [started, aborted] = [() => {}, false];
    const ready = new Promise<void>((resolve) => started = resolve);
    const slow = worker.task("slow", async (ctx = taskContext()) => {
      started();
      await sleep(700);
      aborted = ctx.signal.aborted;
      return 1;
    });
    const run = running(worker);
    const task = await slow.enqueue();
    await ready;
    await run.stop();
    assertEquals([await task.value(), aborted], [1, false]);
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
