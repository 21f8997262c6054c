/** Keys about dependencies that have the wrong type or were lost: errors name the reason, and no task waits for ever. */
import { describe, it } from "node:test";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { StreaqError } from "../../src/base/errors.ts";
import { finish } from "../../src/broker/redis/scripts/end/finish.ts";
import { read } from "../../src/broker/redis/scripts/lease/read.ts";
import { onRedis } from "../queue/brokers.ts";
import { keysOf } from "../queue/keyspace.ts";
import { running, Stage } from "../queue/stage.ts";
import { eventually } from "../support/poll.ts";
import { failureOf, outcomeOf, setUp as setUpGraph } from "./graph_scene.ts";

const stage = new Stage(onRedis);

async function setUp() {
  // With this idleTimeout, the janitor tidies about once a second.
  const base = await setUpGraph(stage, { idleTimeout: 100, priorities: ["low", "high"] });
  const { worker, redis, keys, ok } = base;
  return {
    ...base,
    key: (name: string) => `${keys.prefix}:${name}`,
    /** Replaces a key by one of the wrong type. */
    spoil: async (name: string) => {
      const key = `${keys.prefix}:${name}`;
      await redis.command(["DEL", key]);
      await redis.command(name.startsWith("task:data") ? ["LPUSH", key, "x"] : ["SET", key, "x"]);
    },
    /** Checks that other tasks run, including one with a dependency. */
    assertOthersRun: async () => {
      const [first] = await worker.enqueueMany([ok.enqueue(1)]);
      const last = await ok.enqueue(2).start({ after: first.id });
      assertEquals(await outcomeOf(last), 2);
    },
  };
}

/** Finishes the only queued task, and leaves the fan-out to the worker. */
async function finishWithoutFanOut(
  { redis, keys }: Awaited<ReturnType<typeof setUp>>,
  success: boolean,
): Promise<void> {
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
  const families = [["the dependents of a task", "task:dependents:first"], ["the waiting tasks", "ts:waiting"]];
  for (const [name, family] of families) {
    it(`in place of ${name} makes enqueuing dependents reject and store nothing until the key is gone`, async () => {
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
      assertEquals(await outcomeOf(plain), 4);
      await redis.command(["DEL", key(family!)]);
      for (const request of requests) assert(typeof await outcomeOf(await request) === "number");
      await assertOthersRun();
      await run.stop();
      await stage.assertClean(worker);
    });
  }

  it("in place of a stream makes enqueuing a pipeline reject and store no part of it", async () => {
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
    assertEquals(await outcomeOf(task), 1);
    await stage.assertClean(worker);
  });

  for (const family of ["dependencies:last", "dependents:first"]) {
    it(`in place of task:${family} fails the dependent, and other tasks run`, async () => {
      const { worker, ok, spoil, assertOthersRun } = await setUp();
      const first = await ok.enqueue(1).start({ id: "first" });
      const last = await ok.enqueue(2).start({ id: "last", after: "first" });
      const below = await ok.enqueue(3).start({ after: "last" });
      await spoil(`task:${family}`);
      const run = running(worker);
      assertEquals(await outcomeOf(first), 1);
      await assertOthersRun();
      const outcome = await outcomeOf(last);
      assertStringIncludes(String(outcome), ", on which it depends, failed");
      assertEquals(await outcomeOf(below), outcome);
      await run.stop();
      await stage.assertClean(worker);
    });
  }

  it("in place of the sources of inputs fails the task that is piped into, and leaves nothing behind", async () => {
    const { worker, ok, redis, key, spoil, assertOthersRun } = await setUp();
    await spoil("ts:inputs");
    const last = await ok.enqueue(1).pipe(ok);
    const run = running(worker);
    assertEquals(await outcomeOf(last), `Cannot run task ${last.id}: the input piped into it is gone`);
    await assertOthersRun();
    await redis.command(["DEL", key("ts:inputs")]);
    assertEquals(await outcomeOf(await ok.enqueue(1).pipe(ok)), 1);
    await run.stop();
    await stage.assertClean(worker);
  });

  it("in place of an input is replaced by the input, or fails the task that is piped into", async () => {
    const all = await setUp();
    const { worker, ok, key, redis, assertOthersRun } = all;
    await redis.command(["LPUSH", key("task:previous:early"), "x"]);
    const last = await ok.enqueue(1).start({ id: "early" }).pipe(ok);
    const run = running(worker);
    assertEquals(await outcomeOf(last), 1);
    await run.stop();
    const second = ok.enqueue(2).start({ id: "late" }).pipe(ok).start({ priority: "high" });
    await second;
    // This time the wrong key is present when the second task starts.
    await redis.command(["XADD", key("queues:high"), "*", "task_id", second.id, "enqueue_time", 1]);
    await redis.command(["HSET", key("ts:inputs"), second.id, "late"]);
    await redis.command(["LPUSH", key("task:previous:late"), "x"]);
    const again = running(worker);
    assertEquals(await outcomeOf(await second), `Cannot run task ${second.id}: the input piped into it is gone`);
    await assertOthersRun();
    await again.stop();
    await stage.assertClean(worker);
  });

  it("in place of the list of fan-outs does not stop other tasks, and dependents of a failed task fail afterwards", async () => {
    const { worker, ok, bad, redis, key, spoil } = await setUp();
    const first = await bad.enqueue();
    const last = await ok.enqueue(1).start({ after: first.id });
    await spoil("ts:fanouts");
    const run = running(worker);
    assertEquals(await outcomeOf(first), "bad");
    const [other] = await worker.enqueueMany([ok.enqueue(2)]);
    assertEquals(await outcomeOf(await ok.enqueue(3).start({ after: other.id })), 3);
    await redis.command(["DEL", key("ts:fanouts")]);
    assertEquals(await outcomeOf(last), failureOf(first.id));
    await run.stop();
    await stage.assertClean(worker);
  });

  it("in place of the list of fan-outs does not stop a burst from ending", async () => {
    const { worker, ok, spoil, redis, key } = await setUp();
    await spoil("ts:fanouts");
    const task = await ok.enqueue(1);
    await eventually(async () => await worker.run({ burst: true }));
    assertEquals(await outcomeOf(task), 1);
    await redis.command(["DEL", key("ts:fanouts")]);
    await stage.assertClean(worker);
  });

  for (const success of [true, false]) {
    it(`in place of the dependents of a ${success ? "succeeded" : "failed"} task fails them, and other tasks run`, async () => {
      const all = await setUp();
      const { worker, ok, redis, key, spoil, assertOthersRun } = all;
      const first = await ok.enqueue(1);
      const last = await ok.enqueue(2).start({ after: first.id });
      // More dependents than the finishing script releases itself.
      const crowd = Array.from({ length: 501 }, (_, n) => `unknown-${n}`);
      await redis.command(["SADD", key(`task:dependents:${first.id}`), ...crowd]);
      await finishWithoutFanOut(all, success);
      await spoil(`ts:fanout:${first.id}`);
      const run = running(worker);
      await assertOthersRun();
      assertEquals(await outcomeOf(last), failureOf(first.id));
      await run.stop();
      await stage.assertClean(worker);
    });
  }

  it("in place of the record of a dependent does not stop the failure of this and other dependents", async () => {
    const { worker, ok, bad, spoil, assertOthersRun } = await setUp();
    const first = await bad.enqueue();
    const last = await ok.enqueue(1).start({ after: first.id });
    const second = await bad.enqueue();
    const other = await ok.enqueue(2).start({ after: second.id });
    await spoil(`task:data:${last.id}`);
    const run = running(worker);
    await assertOthersRun();
    assertEquals(await outcomeOf(last), failureOf(first.id));
    assertEquals(await outcomeOf(other), failureOf(second.id));
    await run.stop();
    await stage.assertClean(worker);
  });
});

describe("a queue that loses", () => {
  it("the record of a task fails the task and its dependents", async () => {
    const { worker, ok, redis, keys, assertOthersRun } = await setUp();
    const first = await ok.enqueue(1);
    const last = await ok.enqueue(2).start({ after: first.id });
    const delayed = await ok.enqueue(1).start({ delay: "1h" });
    const second = await ok.enqueue(2).start({ after: [delayed.id, (await ok.enqueue(1)).id] });
    await redis.command(["DEL", keys.data(first.id), keys.data(delayed.id)]);
    const run = running(worker);
    assertEquals(await outcomeOf(last), failureOf(first.id));
    assertEquals(await outcomeOf(second), failureOf(delayed.id));
    await assertOthersRun();
    await run.stop();
    await redis.command(["DEL", keys.delayed("low")]);
    await stage.assertClean(worker);
  });

  it("the record of a deferred task fails its dependents, and the task is missing", async () => {
    const { worker, ok, redis, keys } = await setUp();
    const first = await ok.enqueue(1).start({ delay: "1h" });
    const second = await ok.enqueue(2).start({ after: first.id });
    const third = await ok.enqueue(3).start({ after: second.id });
    await redis.command(["DEL", keys.data(second.id)]);
    const run = running(worker);
    assertEquals(await outcomeOf(third), failureOf(second.id));
    assertEquals([await second.status(), await first.abort()], ["missing", true]);
    await run.stop();
    await stage.assertClean(worker);
  });

  for (const family of ["dependencies:last", "dependents:first", "dependents:second"]) {
    it(`task:${family} fails the dependent and all that depend on it`, async () => {
      const { worker, ok, redis, key, assertOthersRun } = await setUp();
      const first = await ok.enqueue(1).start({ id: "first" });
      const second = await ok.enqueue(1).start({ id: "second" });
      const last = await ok.enqueue(2).start({ id: "last", after: ["first", "second"] });
      const below = await ok.enqueue(3).start({ after: "last" });
      await redis.command(["DEL", key(`task:${family}`)]);
      const run = running(worker);
      assertEquals([await outcomeOf(first), await outcomeOf(second)], [1, 1]);
      await assertOthersRun();
      const outcome = await outcomeOf(last);
      assertStringIncludes(String(outcome), ", on which it depends, failed");
      assertEquals(await outcomeOf(below), outcome);
      await run.stop();
      await stage.assertClean(worker);
    });
  }
});
