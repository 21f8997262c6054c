import { describe, it } from "node:test";
import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { StreaqError, StreaqRetry } from "../../src/base/errors.ts";
import { EnqueueError } from "../../src/queue/enqueue/enqueue_error.ts";
import { onRedis } from "../queue/brokers.ts";
import { Lines, running, Stage } from "../queue/stage.ts";
import { eventually } from "../support/poll.ts";
import { blockedClients } from "./server_info.ts";

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
    ["it has no task id", ["enqueue_time", "1"]],
    ["it has unknown fields", ["a", "b"]],
    ["its id is empty", ["task_id", "", "enqueue_time", "1"]],
    ["its time is no number", ["task_id", "x", "enqueue_time", "soon"]],
    ["it has a huge field", ["x".repeat(1_000_000), "y".repeat(1_000_000)]],
    ["it is binary", ["\u0000\u0001", "\r\n"]],
  ];
  for (const [flaw, fields] of entries) {
    it(`is logged once and becomes one dead letter, and the next task runs, when ${flaw}`, async () => {
      const { worker, job, runs, prefix, redis, lines } = await setUp();
      await redis.command(["XADD", `${prefix}:queues:normal`, "*", ...fields]);
      await job.enqueue(1);
      const run = running(worker);
      await eventually(() => runs.length === 1);
      await eventually(async () => await redis.command(["XLEN", `${prefix}:queues:normal`]) === 0);
      const dead = await redis.command<string[]>(["LRANGE", `${prefix}:ts:dead`, 0, -1]);
      assertEquals(dead.length, 1);
      const [line, ...others] = lines.problems;
      assertStringIncludes(line!, "name no task");
      assertEquals(others, []);
      await run.stop();
      await redis.command(["DEL", `${prefix}:ts:dead`]);
      await stage.assertClean(worker);
    });
  }

  it("is not marked as running when a waiting worker reads it", async () => {
    const worker = await stage.worker();
    const { redis, queueName } = worker;
    const run = running(worker);
    const stream = `streaq:${queueName}:queues:normal`;
    await eventually(async () => await blockedClients(redis) === 1);
    await redis.command(["XADD", stream, "*", "task_id", "task", "enqueue_time", "soon"]);
    await eventually(async () => await redis.command(["XLEN", stream]) === 0);
    await run.stop();
    assertEquals(await redis.command(["EXISTS", `streaq:${queueName}:ts:running`]), 0);
  });
});

describe("a task with an invalid record", () => {
  const records: [string, string | Uint8Array | null][] = [
    ["is gone", null],
    ["is empty", ""],
    ["is truncated", '{"f":"job","a":["s3cret"'],
    ["is plain text", "s3cret"],
    ["is null", "null"],
    ["is an array", '["s3cret"]'],
    ["is an empty object", "{}"],
    ["is binary", new Uint8Array([0xff, 0xfe, 0, 1])],
    ["has fields of wrong types", '{"f":1,"a":{"s3cret":1},"k":["s3cret"],"t":"s3cret","i":"ID"}'],
    ["has arguments that are no array", '{"f":"job","a":{"length":1,"0":"s3cret"},"k":{},"t":1,"i":"ID"}'],
    [
      "is 10,000 levels deep",
      '{"f":"job","a":' + "[".repeat(10_000) + "]".repeat(10_000) + ',"k":{},"t":1,"i":"OTHER"}',
    ],
    ["belongs to another id", '{"f":"job","a":["s3cret"],"k":{},"t":1,"i":"OTHER"}'],
    ...["0", "-1", "1.5", '"2"', "1e300", "null"].map((version): [string, string] => {
      return [`has version ${version}`, `{"f":"job","a":["s3cret"],"k":{},"t":1,"i":"ID","v":${version}}`];
    }),
    ["names a property of Object.prototype", '{"f":"constructor","a":["s3cret"],"k":{},"t":1,"i":"ID"}'],
  ];
  for (const [flaw, record] of records) {
    it(`fails once and does not run, when the record ${flaw}`, async () => {
      const { worker, job, runs, prefix, redis, lines } = await setUp();
      const task = await job.enqueue(1);
      const key = `${prefix}:task:data:${task.id}`;
      const text = typeof record === "string" ? record.replace('"ID"', JSON.stringify(task.id)) : record;
      await redis.command(text === null ? ["DEL", key] : ["SET", key, text]);
      const good = await job.enqueue(2);
      await worker.run({ burst: true });
      const { exception } = await task.result();
      assert(exception instanceof StreaqError);
      assertEquals((await good.result()).success, true);
      assertEquals(runs, [2]);
      // The log shows the failure, and neither of them the content of the record.
      assert(lines.with(task.id).length > 0);
      assertEquals([...lines.all, String(exception.stack)].filter((text) => text.includes("s3cret")), []);
      await stage.assertClean(worker);
    });
  }

  it("runs, when the record has the key __proto__, which is plain data", async () => {
    const { worker, job, runs, prefix, redis } = await setUp();
    const task = await job.enqueue(1);
    const record = `{"f":"job","a":[{"__proto__":{"x":1}}],"k":{},"t":1,"i":"${task.id}","__proto__":{"y":1}}`;
    await redis.command(["SET", `${prefix}:task:data:${task.id}`, record]);
    await worker.run({ burst: true });
    assertEquals(Object.keys(runs[0] as object), ["__proto__"]);
    assertEquals([({} as { x?: 1 }).x, ({} as { y?: 1 }).y], [undefined, undefined]);
  });
});

describe("result() of a task with an invalid stored result", () => {
  it("rejects with an error that names the task and shows no content", async () => {
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

describe("a key of the wrong type", () => {
  it("in place of the stream makes enqueuing reject with the reason, and the same request succeeds later", async () => {
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

  it("among the keys of a task affects no other task", async () => {
    const { worker, job, runs, prefix, redis } = await setUp();
    const tasks = await worker.enqueueMany([1, 2, 3].map((n) => job.enqueue(n)));
    const [data, retry, result] = tasks.map(({ id }) => id);
    await redis.command(["DEL", `${prefix}:task:data:${data}`]);
    await redis.command(["LPUSH", `${prefix}:task:data:${data}`, "x"]);
    await redis.command(["LPUSH", `${prefix}:task:retry:${retry}`, "x"]);
    await redis.command(["SADD", `${prefix}:ts:tried`, retry!]);
    await redis.command(["LPUSH", `${prefix}:task:results:${result}`, "x"]);
    const good = await job.enqueue(4);
    await worker.run({ burst: true });
    assertEquals(runs, [2, 3, 4]);
    assertEquals((await tasks[0]!.result()).success, false);
    for (const task of [tasks[1]!, tasks[2]!, good]) assertEquals((await task.result()).success, true);
    await stage.assertClean(worker);
  });

  it("in place of one stream makes enqueueMany() report the stored tasks, and the same call succeeds later", async () => {
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

  it("in place of the delayed set makes tasks fail instead of being retried, and other tasks run", async () => {
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

  it("in place of the lock of a unique task makes the task fail with an error that names the key", async () => {
    const { worker, job, runs, prefix, redis } = await setUp();
    const unique = worker.task(() => 1, { name: "unique", unique: true, timeout: "1m" });
    await redis.command(["LPUSH", `${prefix}:task:lock:unique`, "x"]);
    const [bad] = await worker.enqueueMany([unique.enqueue(), job.enqueue(1)]);
    await worker.run({ burst: true });
    assertStringIncludes((await bad.result()).exception!.message, `${prefix}:task:lock:unique`);
    assertEquals(runs, [1]);
  });

  it("in place of the list of recent results or of dropped entries affects no task", async () => {
    const { worker, job, runs, prefix, redis } = await setUp();
    await redis.command(["SET", `${prefix}:ts:results`, "x"]);
    await redis.command(["SET", `${prefix}:ts:dropped`, "x"]);
    const tasks = await worker.enqueueMany([job.enqueue(1), job.enqueue(2)]);
    await worker.run({ burst: true });
    for (const task of tasks) assertEquals((await task.result()).success, true);
    assertEquals(runs, [1, 2]);
  });
});
