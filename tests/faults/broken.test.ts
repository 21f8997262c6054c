import { describe, it } from "node:test";
import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { StreaqError, StreaqRetry } from "../../src/base/errors.ts";
import { EnqueueError } from "../../src/queue/enqueue/enqueue_error.ts";
import { onRedis } from "../queue/brokers.ts";
import { Lines, running, Stage } from "../queue/stage.ts";
import { eventually } from "../support/poll.ts";

const stage = new Stage(onRedis);

async function setUp() {
  const lines = new Lines();
  const worker = await stage.worker({ logger: lines });
  const runs: unknown[] = [];
  const job = worker.task((value: unknown) => void runs.push(value), { name: "job" });
  const prefix = `streaq:${worker.queueName}`;
  await worker.redis.command(["XGROUP", "CREATE", `${prefix}:queues:normal`, "workers", "0", "MKSTREAM"]);
  return { lines, worker, job, runs, prefix, redis: worker.redis };
}

describe("a stream entry that names no task", () => {
  const entries: [string, string[]][] = [
    ["no task id", ["enqueue_time", "1"]],
    ["other fields", ["a", "b"]],
    ["an empty id", ["task_id", "", "enqueue_time", "1"]],
    ["a bad time", ["task_id", "x", "enqueue_time", "soon"]],
    ["a huge field", ["x".repeat(1_000_000), "y".repeat(1_000_000)]],
    ["binary", ["\u0000\u0001", "\r\n"]],
  ];
  for (const [what, fields] of entries) {
    it(`is discarded and noted once, and the next good task runs: ${what}`, async () => {
      const { worker, job, runs, prefix, redis, lines } = await setUp();
      await redis.command(["XADD", `${prefix}:queues:normal`, "*", ...fields]);
      await job.enqueue(1);
      const run = running(worker);
      await eventually(() => runs.length === 1);
      await eventually(async () => await redis.command(["XLEN", `${prefix}:queues:normal`]) === 0);
      const dead = await redis.command<string[]>(["LRANGE", `${prefix}:ts:dead`, 0, -1]);
      assertEquals(dead.length, 1);
      assertEquals(lines.with("Discarding entries that name no task").length, 1);
      await run.stop();
      await redis.command(["DEL", `${prefix}:ts:dead`]);
      await stage.assertClean(worker);
    });
  }

  it("leaves no mark of a run when a waiting worker gets it", async () => {
    const worker = await stage.worker();
    const { redis, queueName } = worker;
    const run = running(worker);
    const stream = `streaq:${queueName}:queues:normal`;
    await eventually(async () => (await redis.command<string>(["CLIENT", "LIST"])).includes("flags=b"));
    await redis.command(["XADD", stream, "*", "task_id", "task", "enqueue_time", "soon"]);
    await eventually(async () => await redis.command(["XLEN", stream]) === 0);
    await run.stop();
    assertEquals(await redis.command(["EXISTS", `streaq:${queueName}:ts:running`]), 0);
  });
});

describe("a record that is none", () => {
  const records: [string, string | Uint8Array | null][] = [
    ["gone", null],
    ["empty", ""],
    ["truncated", '{"f":"job","a":['],
    ["null", "null"],
    ["an array", "[]"],
    ["an empty object", "{}"],
    ["binary", new Uint8Array([0xff, 0xfe, 0, 1])],
    ["of wrong types", '{"f":1,"a":{},"k":[],"t":"x","i":"ID"}'],
    ["args that are no array", '{"f":"job","a":{"length":1},"k":{},"t":1,"i":"ID"}'],
    ["10,000 levels deep", '{"f":"job","a":' + "[".repeat(10_000) + "]".repeat(10_000) + ',"k":{},"t":1,"i":"OTHER"}'],
    ["of another id", '{"f":"job","a":[],"k":{},"t":1,"i":"OTHER"}'],
    ["of a name from the prototype", '{"f":"constructor","a":[],"k":{},"t":1,"i":"ID"}'],
  ];
  for (const [what, record] of records) {
    it(`becomes one failed result, and the function never runs: ${what}`, async () => {
      const { worker, job, runs, prefix, redis, lines } = await setUp();
      const task = await job.enqueue("s3cret");
      const key = `${prefix}:task:data:${task.id}`;
      const text = typeof record === "string" ? record.replace('"ID"', JSON.stringify(task.id)) : record;
      await redis.command(text === null ? ["DEL", key] : ["SET", key, text]);
      const good = await job.enqueue(2);
      await worker.run({ burst: true });
      const { exception } = await task.result();
      assert(exception instanceof StreaqError);
      assertEquals((await good.result()).success, true);
      assertEquals([runs, lines.with("s3cret")], [[2], []]);
      await stage.assertClean(worker);
    });
  }

  it("keeps __proto__ in arguments data", async () => {
    const { worker, job, runs, prefix, redis } = await setUp();
    const task = await job.enqueue(1);
    const record = `{"f":"job","a":[{"__proto__":{"x":1}}],"k":{},"t":1,"i":"${task.id}","__proto__":{"y":1}}`;
    await redis.command(["SET", `${prefix}:task:data:${task.id}`, record]);
    await worker.run({ burst: true });
    assertEquals(Object.keys(runs[0] as object), ["__proto__"]);
    assertEquals([({} as { x?: 1 }).x, ({} as { y?: 1 }).y], [undefined, undefined]);
  });
});

describe("a result that is none", () => {
  it("rejects with an error that names the task, without its content", async () => {
    const { worker, job, prefix, redis } = await setUp();
    const task = await job.enqueue(1);
    await worker.run({ burst: true });
    for (const text of ["", "null", "[]", "{}", '{"f":"s3cret"', '{"f":"job","w":"w","s":true,"i":"OTHER"}']) {
      await redis.command(["SET", `${prefix}:task:results:${task.id}`, text]);
      const error = await task.result().then(() => null, (error) => error as Error);
      assertStringIncludes(error!.message, task.id);
      assert(!error!.message.includes("s3cret"));
    }
  });
});

describe("keys of the wrong type", () => {
  it("of the stream: enqueuing names the reason, nothing is stored, and it works again afterwards", async () => {
    const { worker, job, runs, prefix, redis } = await setUp();
    await redis.command(["DEL", `${prefix}:queues:normal`]);
    await redis.command(["SET", `${prefix}:queues:normal`, "x"]);
    const request = job.enqueue(1);
    const error = await request.then(() => null, (error) => error as Error);
    assertStringIncludes(error!.message, "WRONGTYPE");
    assertEquals(await request.status(), "missing");
    await redis.command(["DEL", `${prefix}:queues:normal`]);
    await request;
    await worker.run({ burst: true });
    assertEquals(runs, [1]);
  });

  it("of one task's keys: that task alone is affected", async () => {
    const { worker, job, runs, prefix, redis } = await setUp();
    const tasks = await worker.enqueueMany([1, 2, 3].map((n) => job.enqueue(n)));
    const [data, retry, result] = tasks.map(({ id }) => id);
    await redis.command(["DEL", `${prefix}:task:data:${data}`]);
    await redis.command(["LPUSH", `${prefix}:task:data:${data}`, "x"]);
    await redis.command(["LPUSH", `${prefix}:task:retry:${retry}`, "x"]);
    await redis.command(["LPUSH", `${prefix}:task:results:${result}`, "x"]);
    const good = await job.enqueue(4);
    await worker.run({ burst: true });
    assertEquals(runs, [2, 3, 4]);
    assertEquals((await tasks[0]!.result()).success, false);
    for (const task of [tasks[1]!, tasks[2]!, good]) assertEquals((await task.result()).success, true);
    await stage.assertClean(worker);
  });

  it("of one priority: enqueueMany() tells which tasks are stored, and sending the same again is safe", async () => {
    const worker = await stage.worker({ priorities: ["low", "high"] });
    const runs: unknown[] = [];
    const job = worker.task((value: unknown) => void runs.push(value), { name: "job" });
    const bad = `streaq:${worker.queueName}:queues:high`;
    await worker.redis.command(["SET", bad, "no stream"]);
    const requests = [job.enqueue(1), job.enqueue(2).start({ priority: "high" }), job.enqueue(3)];
    const error = await assertRejects(() => worker.enqueueMany(requests), EnqueueError) as EnqueueError;
    assertEquals(error.tasks.map(({ id }) => id), [requests[0]!.id, requests[2]!.id]);
    assertStringIncludes(error.message, "1 of 3");
    assertMatch(error.message, /WRONGTYPE .* value$/);
    assertEquals(await requests[1]!.status(), "missing");
    await worker.redis.command(["DEL", bad]);
    await worker.enqueueMany(requests);
    await worker.run({ burst: true });
    assertEquals(new Set(runs), new Set([1, 2, 3]));
    assertEquals(runs.length, 3);
  });

  it("of the delayed set: what is to be tried again fails instead, all else goes on", async () => {
    const { worker, job, runs, prefix, redis } = await setUp();
    const again = worker.task(() => {
      throw new StreaqRetry("again");
    }, { name: "again" });
    await redis.command(["SET", `${prefix}:queues:delayed:normal`, "x"]);
    const [bad] = await worker.enqueueMany([again.enqueue(), job.enqueue(1)]);
    const other = await job.enqueue(2);
    const run = running(worker);
    assertStringIncludes((await bad.result({ timeout: "5s" })).exception!.message, "WRONGTYPE");
    await other.result({ timeout: "5s" });
    await run.stop();
    assertEquals([runs, worker.counters.retried], [[1, 2], 0]);
  });

  it("of a lock: the task fails with an error that names the key", async () => {
    const { worker, job, runs, prefix, redis } = await setUp();
    const unique = worker.task(() => 1, { name: "unique", unique: true, timeout: "1m" });
    await redis.command(["LPUSH", `${prefix}:task:lock:unique`, "x"]);
    const [bad] = await worker.enqueueMany([unique.enqueue(), job.enqueue(1)]);
    await worker.run({ burst: true });
    assertStringIncludes((await bad.result()).exception!.message, `${prefix}:task:lock:unique`);
    assertEquals(runs, [1]);
  });

  it("of what is listed and dropped: tasks run and end all the same", async () => {
    const { worker, job, runs, prefix, redis } = await setUp();
    await redis.command(["SET", `${prefix}:ts:results`, "x"]);
    await redis.command(["SET", `${prefix}:ts:dropped`, "x"]);
    const tasks = await worker.enqueueMany([job.enqueue(1), job.enqueue(2)]);
    await worker.run({ burst: true });
    for (const task of tasks) assertEquals((await task.result()).success, true);
    assertEquals(runs, [1, 2]);
  });
});
