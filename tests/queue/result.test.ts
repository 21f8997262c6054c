import { describe, it } from "node:test";
import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { inspect } from "node:util";
import { StreaqCancelled, StreaqError, TimeoutError } from "../../src/base/errors.ts";
import { eventually } from "../support/poll.ts";
import { assertClean } from "./keyspace.ts";
import { Lines, running, sleep, Stage } from "./stage.ts";

const stage = new Stage();

describe("result()", () => {
  it("tells of a success", async () => {
    const worker = await stage.worker();
    const double = worker.task(async function double(value: number) {
      await sleep(20);
      return value * 2;
    });
    const before = Date.now();
    const task = await double.enqueue(21);
    await worker.run({ burst: true });
    const result = await task.result();
    assert(result.success);
    assertEquals(result.result, 42);
    assertEquals([result.taskId, result.fnName, result.tries, result.workerId], [task.id, "double", 1, worker.id]);
    const { createdTime, enqueueTime, startTime, finishTime } = result;
    assert(createdTime >= before && enqueueTime >= before - 5 && startTime >= createdTime);
    assert(finishTime - startTime >= 18 && finishTime <= Date.now());
    assertThrows(() => result.exception, StreaqError, task.id);
  });

  it("tells of a failure", async () => {
    const worker = await stage.worker();
    const fail = worker.task(function fail() {
      throw new RangeError("too far", { cause: new Error("because") });
    });
    const task = await fail.enqueue();
    await worker.run({ burst: true });
    const result = await task.result();
    assert(!result.success);
    assert(result.exception instanceof RangeError);
    assertEquals([result.exception.name, result.exception.message], ["RangeError", "too far"]);
    assertStringIncludes(result.exception.stack!, "result.test.ts");
    assertEquals((result.exception.cause as Error).message, "because");
    assertThrows(() => result.result, StreaqError, task.id);
  });

  it("can be shown and made JSON of, either way", async () => {
    const worker = await stage.worker();
    const maybe = worker.task(function maybe(fail: boolean) {
      if (fail) throw new Error("no");
      return { a: 1 };
    });
    const tasks = await worker.enqueueMany([maybe.enqueue(false), maybe.enqueue(true)]);
    await worker.run({ burst: true });
    const [good, bad] = await Promise.all(tasks.map((task) => task.result()));
    assertEquals(JSON.parse(JSON.stringify(good)).result, { a: 1 });
    assertEquals(JSON.parse(JSON.stringify(bad)).exception, { name: "Error", message: "no" });
    for (const result of [good, bad]) assertStringIncludes(inspect(result), "taskId");
  });

  it("waits for what is not done yet, for all who ask", async () => {
    const worker = await stage.worker();
    const slow = worker.task(async function slow() {
      await sleep(50);
      return "done";
    });
    const task = await slow.enqueue();
    const waiting = Promise.all([task.result(), task.result(), worker.resultById(task.id)]);
    const run = running(worker);
    assertEquals((await waiting).map(({ result }) => result), ["done", "done", "done"]);
    assertEquals((await task.result()).result, "done");
    await run.stop();
  });

  it("reaches who waited even where it is not kept", async () => {
    const worker = await stage.worker();
    const brief = worker.task(() => "x", { name: "brief", ttl: 0 });
    const task = await brief.enqueue();
    const waiting = task.result();
    const channel = `streaq:${worker.queueName}:channels:${task.id}`;
    await eventually(async () =>
      (await worker.redis.command<[string, number]>(["PUBSUB", "NUMSUB", channel]))[1] === 1
    );
    await worker.run({ burst: true });
    assertEquals((await waiting).result, "x");
    assertEquals(await task.status(), "done");
    await assertRejects(() => task.result(), StreaqError, "its result is gone");
    await assertClean(worker.redis, worker.queueName);
  });

  it("is kept as long as ttl says", async () => {
    const worker = await stage.worker();
    const tasks = await worker.enqueueMany([
      worker.task(() => 1, { name: "default" }).enqueue(),
      worker.task(() => 1, { name: "hour", ttl: "1h" }).enqueue(),
      worker.task(() => 1, { name: "ever", ttl: null }).enqueue(),
    ]);
    await worker.run({ burst: true });
    const ttls = await Promise.all(
      tasks.map(({ id }) => worker.redis.command<number>(["PTTL", `streaq:${worker.queueName}:task:results:${id}`])),
    );
    assert(ttls[0]! > 290_000 && ttls[0]! <= 300_000, `${ttls[0]}`);
    assert(ttls[1]! > 3_590_000 && ttls[1]! <= 3_600_000, `${ttls[1]}`);
    assertEquals(ttls[2], -1);
  });

  it("ends with a TimeoutError that names task and time", async () => {
    const worker = await stage.worker();
    const task = await worker.task(() => 1, { name: "one" }).enqueue();
    await assertRejects(() => task.result({ timeout: 30 }), TimeoutError, `within 30 ms: ${task.id}`);
  });

  it("rejects with the signal's reason", async () => {
    const worker = await stage.worker();
    const task = await worker.task(() => 1, { name: "one" }).enqueue();
    const controller = new AbortController();
    const waiting = task.result({ signal: controller.signal });
    controller.abort(new RangeError("enough"));
    await assertRejects(() => waiting, RangeError, "enough");
    await assertRejects(() => task.result({ signal: controller.signal }), RangeError, "enough");
  });

  it("refuses a task that nobody knows", async () => {
    const worker = await stage.worker();
    await assertRejects(() => worker.resultById("nobody"), StreaqError, "nobody");
    await assertRejects(() => worker.resultById(""), StreaqError, "Invalid id");
    assertEquals(await worker.statusById("nobody"), "missing");
    assertEquals(await worker.infoById("nobody"), null);
  });

  it("rejects when the worker is closed", async () => {
    const worker = await stage.worker();
    const task = await worker.task(() => 1, { name: "one" }).enqueue();
    const waiting = assertRejects(() => task.result(), StreaqError, "closed");
    await worker.close();
    await waiting;
  });
});

describe("a failure", () => {
  class CustomError extends Error {
    override name = "CustomError";
  }
  const hostile = {
    get message() {
      throw new Error("gotcha");
    },
    get name() {
      throw new Error("gotcha");
    },
  };
  const thrown: [unknown, { name: string; message: string; type: new (message: string) => Error }][] = [
    [new TypeError("t"), { name: "TypeError", message: "t", type: TypeError }],
    [new StreaqError("s"), { name: "StreaqError", message: "s", type: StreaqError }],
    [new StreaqCancelled("c"), { name: "StreaqCancelled", message: "c", type: StreaqCancelled }],
    [new TimeoutError("o"), { name: "TimeoutError", message: "o", type: TimeoutError }],
    [new CustomError("own"), { name: "CustomError", message: "own", type: Error }],
    [new DOMException("d", "DataError"), { name: "DataError", message: "d", type: Error }],
    ["text", { name: "Error", message: "Thrown: text", type: Error }],
    [undefined, { name: "Error", message: "Thrown: undefined", type: Error }],
    [null, { name: "Error", message: "Thrown: null", type: Error }],
    [Object.create(null), { name: "Error", message: "Thrown: object", type: Error }],
    [hostile, { name: "Error", message: "Thrown: [object Object]", type: Error }],
  ];
  for (const [value, { name, message, type }] of thrown) {
    it(`survives the trip: ${message}`, async () => {
      const worker = await stage.worker();
      const fail = worker.task(function fail() {
        throw value;
      });
      const task = await fail.enqueue();
      await worker.run({ burst: true });
      const { exception } = await task.result();
      assertEquals([exception.name, exception.message], [name, message]);
      assert(exception instanceof type);
    });
  }

  it("is what becomes of a result that cannot be serialised", async () => {
    const lines = new Lines();
    const worker = await stage.worker({ logger: lines });
    const circular: unknown[] = [];
    circular.push(circular);
    const hostile = {
      get secret() {
        throw new Error("gotcha");
      },
    };
    const values: unknown[] = [circular, 1n, () => 1, new Date(), hostile, {
      toJSON: () => {
        throw new Error("no");
      },
    }];
    const give = worker.task((i: number) => values[i], { name: "give" });
    const tasks = await worker.enqueueMany(values.map((_, i) => give.enqueue(i)));
    await worker.run({ burst: true });
    for (const task of tasks) {
      const { exception } = await task.result();
      assertStringIncludes(exception.message, "Could not serialise the result of task give");
    }
    assertEquals(worker.counters, { completed: 0, failed: values.length, retried: 0, aborted: 0, relinquished: 0 });
    assertEquals(lines.with("×").length, values.length);
    await assertClean(worker.redis, worker.queueName);
  });

  it("is what becomes of a result over the limit", async () => {
    const worker = await stage.worker({ maxPayload: 1000 });
    const big = worker.task(() => "x".repeat(2000), { name: "big" });
    const loud = worker.task(() => {
      throw new Error("y".repeat(100_000));
    }, { name: "loud" });
    const tasks = await worker.enqueueMany([big.enqueue(), loud.enqueue()]);
    await worker.run({ burst: true });
    assertStringIncludes((await tasks[0].result()).exception.message, "maxPayload, 1000");
    assertStringIncludes((await tasks[1].result()).exception.message, "yyy");
  });
});

describe("a serializer of one's own", () => {
  /** Bytes that are no text. */
  const inverted = {
    serialize: (value: unknown) => new TextEncoder().encode(JSON.stringify(value)).map((byte) => ~byte),
    deserialize: (data: Uint8Array) => JSON.parse(new TextDecoder().decode(data.map((byte) => ~byte))),
  };

  it("of bytes carries arguments, results and failures", async () => {
    const worker = await stage.worker({ serializer: inverted });
    const half = worker.task((value: number) => {
      if (value % 2) throw new RangeError("odd");
      return { half: value / 2 };
    }, { name: "half" });
    const tasks = await worker.enqueueMany([half.enqueue(4), half.enqueue(3)]);
    assertEquals((await tasks[0].info())?.args, [4]);
    const waiting = Promise.all(tasks.map((task) => task.result()));
    await worker.run({ burst: true });
    for (const [good, bad] of [await waiting, await Promise.all(tasks.map((task) => task.result()))]) {
      assertEquals(good!.result, { half: 2 });
      assertEquals(bad!.exception.message, "odd");
    }
    await assertClean(worker.redis, worker.queueName);
  });

  it("that fails on every result still ends the task", async () => {
    const serialize = (value: unknown) => {
      if (typeof value === "object" && value !== null && "s" in value) throw new Error("not today");
      return JSON.stringify(value);
    };
    const worker = await stage.worker({ serializer: { ...inverted, serialize } });
    const task = await worker.task(() => 1, { name: "one" }).enqueue();
    await worker.run({ burst: true });
    await assertRejects(() => task.result(), StreaqError, task.id);
    await assertClean(worker.redis, worker.queueName);
  });

  it("that takes no record for what it is makes a failed result", async () => {
    const worker = await stage.worker({
      serializer: {
        serialize: (value) => JSON.stringify(value),
        deserialize: (data) => {
          const value = JSON.parse(new TextDecoder().decode(data));
          if ("a" in value) throw new Error("not today");
          return value;
        },
      },
    });
    const task = await worker.task(() => 1, { name: "one" }).enqueue();
    await worker.run({ burst: true });
    assertStringIncludes((await task.result()).exception.message, "the serializer does not take it");
  });
});

describe("undefined and null", () => {
  it("come back as null", async () => {
    const worker = await stage.worker();
    const nothing = worker.task(() => {}, { name: "nothing" });
    const task = await nothing.enqueue();
    await worker.run({ burst: true });
    assertEquals((await task.result()).result as unknown, null);
  });
});

describe("info()", () => {
  it("tells of a task until it has ended", async () => {
    const worker = await stage.worker();
    let seen: unknown;
    const look = worker.task(async function look(_value: number) {
      seen = await task.info();
    });
    const task = await look.enqueue(7);
    const queued = await task.info();
    assertEquals(
      [queued?.taskId, queued?.fnName, queued?.args, queued?.kwargs, queued?.tries, queued?.scheduled, queued?.status],
      [task.id, "look", [7], {}, 0, null, "queued"],
    );
    assertEquals([queued?.dependencies.size, queued?.dependents.size], [0, 0]);
    await worker.run({ burst: true });
    assertEquals((seen as { status: string; tries: number }).status, "running");
    assertEquals((seen as { status: string; tries: number }).tries, 1);
    assertEquals(await task.info(), null);
  });
});
