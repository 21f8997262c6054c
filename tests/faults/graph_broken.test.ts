/** Keys about dependencies that are of the wrong type, or got lost: what is to be said of that, and that nothing waits for ever. */
import { describe, it } from "node:test";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { StreaqError } from "../../src/base/errors.ts";
import { Keys } from "../../src/broker/redis/keys.ts";
import { finish } from "../../src/broker/redis/scripts/end/finish.ts";
import { read } from "../../src/broker/redis/scripts/lease/read.ts";
import type { Task } from "../../src/queue/enqueue/task.ts";
import { onRedis } from "../queue/brokers.ts";
import { keysOf } from "../queue/keyspace.ts";
import { running, Stage } from "../queue/stage.ts";
import { eventually } from "../support/poll.ts";

const stage = new Stage(onRedis);
const timeout = "10s";

async function setUp() {
  // The janitor comes once a second.
  const worker = await stage.worker({ idleTimeout: 100, priorities: ["low", "high"] });
  const { redis } = worker;
  const keys = new Keys(worker.queueName);
  const ok = worker.task(async (n: number) => await Promise.resolve(n), { name: "ok" });
  return {
    worker,
    redis,
    keys,
    ok,
    bad: worker.task(async (): Promise<number> => await Promise.reject(new RangeError("bad")), { name: "bad" }),
    key: (name: string) => `${keys.prefix}:${name}`,
    /** Puts something else in the place of a key. */
    spoil: async (name: string) => {
      const key = `${keys.prefix}:${name}`;
      await redis.command(["DEL", key]);
      await redis.command(name.startsWith("task:data") ? ["LPUSH", key, "x"] : ["SET", key, "x"]);
    },
    /** Tasks that have nothing to do with it run and end; among them are some that depend on others. */
    assertOthersRun: async () => {
      const [first] = await worker.enqueueMany([ok.enqueue(1)]);
      const last = await ok.enqueue(2).start({ after: first.id });
      assertEquals(await endOf(last), 2);
    },
  };
}

async function endOf(task: Task<number>): Promise<number | string> {
  const result = await task.result({ timeout });
  return result.success ? result.result : result.exception.message.replace(/^Task .* was not run: /, "");
}

function blaming(id: string): string {
  return `task ${id}, on which it depends, failed`;
}

/** Ends the only task that is queued, and leaves it to others to tell those that wait for it. */
async function endOnce({ redis, keys }: Awaited<ReturnType<typeof setUp>>, success: boolean): Promise<void> {
  const priorities = ["low"];
  await redis.command(["XGROUP", "CREATE", keys.stream("low"), "workers", "0", "MKSTREAM"]);
  const options = { name: "dead", priorities, idleTimeout: 60_000 };
  const { deliveries: [delivery] } = await read(redis, keys, options, 1, {
    known: [],
    quarantined: 1,
    dead: [],
    cursors: new Map(),
  });
  const { ends } = await finish(redis, keys, "dead", [{ delivery: delivery!, success, result: "x", ttl: 60_000 }]);
  assertEquals(ends, [true]);
}

describe("a key of the wrong type", () => {
  for (
    const [name, family] of [["dependents of the other task", "task:dependents:first"], [
      "notes of who waits",
      "ts:waiting",
    ]]
  ) {
    it(`where the ${name} belong: enqueuing is refused with the reason, stores nothing, and works again afterwards`, async () => {
      const { worker, ok, redis, key, spoil, assertOthersRun } = await setUp();
      const first = await ok.enqueue(1).start({ id: "first" });
      await spoil(family!);
      const before = await keysOf(redis, key("task"));
      const requests = [ok.enqueue(2).start({ after: first.id }), ok.enqueue(3).start({ after: first.id }).pipe(ok)];
      for (const request of requests) {
        const error = await assertRejects(async () => await request, StreaqError) as Error;
        assertStringIncludes(error.message, "WRONGTYPE");
      }
      assertEquals(new Set(await keysOf(redis, key("task"))), new Set(before));
      const plain = await ok.enqueue(4);
      const run = running(worker);
      assertEquals(await endOf(plain), 4);
      await redis.command(["DEL", key(family!)]);
      for (const request of requests) assert(typeof await endOf(await request) === "number");
      await assertOthersRun();
      await run.stop();
      await stage.assertClean(worker);
    });
  }

  it("where a stream belongs: a pipeline is refused as a whole", async () => {
    const { worker, ok, redis, key, spoil } = await setUp();
    await spoil("queues:high");
    const request = ok.enqueue(1).start({ priority: "high" }).pipe(ok);
    const error = await assertRejects(async () => await request, StreaqError) as Error;
    assertStringIncludes(error.message, "WRONGTYPE");
    assertEquals(await keysOf(redis, key("task")), []);
    assertEquals(await redis.command(["EXISTS", key("ts:waiting")]), 0);
    await redis.command(["DEL", key("queues:high")]);
    const task = await request;
    await worker.run({ burst: true });
    assertEquals(await endOf(task), 1);
    await stage.assertClean(worker);
  });

  for (const family of ["dependencies:last", "dependents:first"]) {
    it(`that comes into the place of task:${family}: the task that waits fails, all others run`, async () => {
      const { worker, ok, spoil, assertOthersRun } = await setUp();
      const first = await ok.enqueue(1).start({ id: "first" });
      const last = await ok.enqueue(2).start({ id: "last", after: "first" });
      const below = await ok.enqueue(3).start({ after: "last" });
      await spoil(`task:${family}`);
      const run = running(worker);
      assertEquals(await endOf(first), 1);
      await assertOthersRun();
      const end = await endOf(last);
      assert(String(end).endsWith(", on which it depends, failed"), `${end}`);
      assertEquals(await endOf(below), end);
      await run.stop();
      await stage.assertClean(worker);
    });
  }

  it("where the notes of inputs belong: what is piped into fails, and nothing is left", async () => {
    const { worker, ok, redis, key, spoil, assertOthersRun } = await setUp();
    await spoil("ts:inputs");
    const last = await ok.enqueue(1).pipe(ok);
    const run = running(worker);
    assertEquals(await endOf(last), `Cannot run task ${last.id}: the input piped into it is gone`);
    await assertOthersRun();
    await redis.command(["DEL", key("ts:inputs")]);
    assertEquals(await endOf(await ok.enqueue(1).pipe(ok)), 1);
    await run.stop();
    await stage.assertClean(worker);
  });

  it("where an input belongs: it is replaced, or what it is piped into fails", async () => {
    const all = await setUp();
    const { worker, ok, key, redis, assertOthersRun } = all;
    await redis.command(["LPUSH", key("task:previous:early"), "x"]);
    const last = await ok.enqueue(1).start({ id: "early" }).pipe(ok);
    const run = running(worker);
    assertEquals(await endOf(last), 1);
    await run.stop();
    const second = ok.enqueue(2).start({ id: "late" }).pipe(ok).start({ priority: "high" });
    await second;
    // It is in the place of the input while the other task is about to start.
    await redis.command(["XADD", key("queues:high"), "*", "task_id", second.id, "enqueue_time", 1]);
    await redis.command(["HSET", key("ts:inputs"), second.id, "late"]);
    await redis.command(["LPUSH", key("task:previous:late"), "x"]);
    const again = running(worker);
    assertEquals(await endOf(await second), `Cannot run task ${second.id}: the input piped into it is gone`);
    await assertOthersRun();
    await again.stop();
    await stage.assertClean(worker);
  });

  it("where those are listed who are to be told: others run, and whoever waits fails afterwards", async () => {
    const { worker, ok, bad, redis, key, spoil } = await setUp();
    const first = await bad.enqueue();
    const last = await ok.enqueue(1).start({ after: first.id });
    await spoil("ts:fanouts");
    const run = running(worker);
    assertEquals(await endOf(first), "bad");
    const [other] = await worker.enqueueMany([ok.enqueue(2)]);
    assertEquals(await endOf(await ok.enqueue(3).start({ after: other.id })), 3);
    await redis.command(["DEL", key("ts:fanouts")]);
    assertEquals(await endOf(last), blaming(first.id));
    await run.stop();
    await stage.assertClean(worker);
  });

  it("where those are listed who are to be told does not keep a burst from ending", async () => {
    const { worker, ok, spoil, redis, key } = await setUp();
    await spoil("ts:fanouts");
    const task = await ok.enqueue(1);
    await eventually(async () => await worker.run({ burst: true }));
    assertEquals(await endOf(task), 1);
    await redis.command(["DEL", key("ts:fanouts")]);
    await stage.assertClean(worker);
  });

  for (const success of [true, false]) {
    it(`where the dependents of an ended task belong: they fail; others are told: ${success ? "success" : "failure"}`, async () => {
      const all = await setUp();
      const { worker, ok, redis, key, spoil, assertOthersRun } = all;
      const first = await ok.enqueue(1);
      const last = await ok.enqueue(2).start({ after: first.id });
      // More than are told in the step that ends it.
      const crowd = Array.from({ length: 501 }, (_, n) => `nobody-${n}`);
      await redis.command(["SADD", key(`task:dependents:${first.id}`), ...crowd]);
      await endOnce(all, success);
      await spoil(`ts:fanout:${first.id}`);
      const run = running(worker);
      await assertOthersRun();
      assertEquals(await endOf(last), blaming(first.id));
      await run.stop();
      await stage.assertClean(worker);
    });
  }

  it("in the place of the record of a task that is to fail: it fails, and others are told", async () => {
    const { worker, ok, bad, spoil, assertOthersRun } = await setUp();
    const first = await bad.enqueue();
    const last = await ok.enqueue(1).start({ after: first.id });
    const second = await bad.enqueue();
    const other = await ok.enqueue(2).start({ after: second.id });
    await spoil(`task:data:${last.id}`);
    const run = running(worker);
    await assertOthersRun();
    assertEquals(await endOf(last), blaming(first.id));
    assertEquals(await endOf(other), blaming(second.id));
    await run.stop();
    await stage.assertClean(worker);
  });
});

describe("data that got lost", () => {
  it("of a dependency: it fails with those that wait for it", async () => {
    const { worker, ok, redis, keys, assertOthersRun } = await setUp();
    const first = await ok.enqueue(1);
    const last = await ok.enqueue(2).start({ after: first.id });
    const delayed = await ok.enqueue(1).start({ delay: "1h" });
    const second = await ok.enqueue(2).start({ after: [delayed.id, (await ok.enqueue(1)).id] });
    await redis.command(["DEL", keys.data(first.id), keys.data(delayed.id)]);
    const run = running(worker);
    assertEquals(await endOf(last), blaming(first.id));
    assertEquals(await endOf(second), blaming(delayed.id));
    await assertOthersRun();
    await run.stop();
    await redis.command(["DEL", keys.delayed("low")]);
    await stage.assertClean(worker);
  });

  it("of a task that waits: those that wait for it fail, and it is forgotten", async () => {
    const { worker, ok, redis, keys } = await setUp();
    const first = await ok.enqueue(1).start({ delay: "1h" });
    const second = await ok.enqueue(2).start({ after: first.id });
    const third = await ok.enqueue(3).start({ after: second.id });
    await redis.command(["DEL", keys.data(second.id)]);
    const run = running(worker);
    assertEquals(await endOf(third), blaming(second.id));
    assertEquals([await second.status(), await first.abort()], ["missing", true]);
    await run.stop();
    await stage.assertClean(worker);
  });

  for (const family of ["dependencies:last", "dependents:first", "dependents:second"]) {
    it(`of task:${family}: who waits fails in the end, with what waits for that`, async () => {
      const { worker, ok, redis, key, assertOthersRun } = await setUp();
      const first = await ok.enqueue(1).start({ id: "first" });
      const second = await ok.enqueue(1).start({ id: "second" });
      const last = await ok.enqueue(2).start({ id: "last", after: ["first", "second"] });
      const below = await ok.enqueue(3).start({ after: "last" });
      await redis.command(["DEL", key(`task:${family}`)]);
      const run = running(worker);
      assertEquals([await endOf(first), await endOf(second)], [1, 1]);
      await assertOthersRun();
      const end = await endOf(last);
      assert(String(end).endsWith(", on which it depends, failed"), `${end}`);
      assertEquals(await endOf(below), end);
      await run.stop();
      await stage.assertClean(worker);
    });
  }
});
