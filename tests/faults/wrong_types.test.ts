/** Keys of the wrong type, for each script: an error names the key or one task fails alone, and nothing is lost. */
import { describe, it } from "node:test";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { systemClock } from "../../src/base/clock.ts";
import type { Delivery, Start } from "../../src/broker/contract/delivery.ts";
import type { NewTask } from "../../src/broker/contract/task.ts";
import type { Keys } from "../../src/broker/redis/keys.ts";
import { publishLinked } from "../../src/broker/redis/linking.ts";
import { RedisBroker } from "../../src/broker/redis/redis_broker.ts";
import { fanOutDependents } from "../../src/broker/redis/fan_out_dependents.ts";
import { mend } from "../../src/broker/redis/scripts/dependents/mend.ts";
import { abort } from "../../src/broker/redis/scripts/end/abort.ts";
import { finish } from "../../src/broker/redis/scripts/end/finish.ts";
import { retry } from "../../src/broker/redis/scripts/end/retry.ts";
import { gather } from "../../src/broker/redis/scripts/enqueue/gather.ts";
import { publish } from "../../src/broker/redis/scripts/enqueue/publish.ts";
import { begin } from "../../src/broker/redis/scripts/lease/begin.ts";
import { discard } from "../../src/broker/redis/scripts/lease/discard.ts";
import { leave } from "../../src/broker/redis/scripts/lease/leave.ts";
import { fromBeginning, read } from "../../src/broker/redis/scripts/lease/read.ts";
import { release } from "../../src/broker/redis/scripts/lease/release.ts";
import { start } from "../../src/broker/redis/scripts/lease/start.ts";
import { tidy, tidyStart } from "../../src/broker/redis/scripts/lease/tidy.ts";
import { extendLocks } from "../../src/broker/redis/scripts/lock/lock.ts";
import { find, findState } from "../../src/broker/redis/scripts/look/find.ts";
import { otherConsumers, Scene } from "../broker/scene.ts";

const scene = new Scene();
const priorities = ["low", "normal"];
const name = "one";
const ttl = 60_000;
const reader = { hasSucceeded: () => true, failDependent: () => ({ result: "failed", ttl }) };

/** A queue with two priorities: `low` has the task `bad`, `normal` the task `good`; each has a dependent. */
async function setUp() {
  const { redis } = scene;
  const keys = await scene.newQueue();
  await redis.command(["XGROUP", "CREATE", keys.stream("low"), "workers", "0", "MKSTREAM"]);
  const linking = { redis, keys, binary: false, reader };
  const tasks: NewTask[] = [
    { id: "bad", priority: "low", data: "data" },
    { id: "good", priority: "normal", data: "data" },
    { id: "below-bad", priority: "low", data: "data", after: ["bad"] },
    { id: "below-good", priority: "normal", data: "data", after: ["good"] },
  ];
  assertEquals(await publishLinked(tasks, linking), tasks.map(() => "created"));
  const aside = `${keys.prefix}:aside`;
  return {
    redis,
    keys,
    linking,
    /** Puts a key of another type in the place of one, which is kept. */
    spoil: async (key: string) => {
      if (await redis.command<number>(["EXISTS", key]) === 1) await redis.command(["RENAME", key, aside]);
      await redis.command(isSortedSet(key) ? ["SET", key, "x"] : ["ZADD", key, 1, "x"]);
    },
    /** Deletes that key, and puts back the one that was there before. */
    mendKey: async (key: string) => {
      // A script may have put a value of its own there.
      const type = isSortedSet(key) ? "string" : "zset";
      if (await redis.command<string>(["TYPE", key]) === type) await redis.command(["DEL", key]);
      if (await redis.command<number>(["EXISTS", aside]) === 1) await redis.command(["RENAME", aside, key]);
    },
    lease: () => leaseAll(keys, name),
    start: async (deliveries: readonly Delivery[]) => await start(redis, keys, name, deliveries, { binary: false }),
    finish: async (deliveries: readonly Delivery[], success = true) => {
      const completions = deliveries.map((delivery) => ({ delivery, success, result: "result", ttl }));
      return (await finish(redis, keys, name, completions)).ends;
    },
    /** Runs everything that is left, as workers do; returns the state of each task. */
    drain: async () => {
      let cursor = "0";
      for (let round = 0; round < 8; round++) {
        const { deliveries } = await read(redis, keys, { name: `last-${round}`, priorities }, 10, {
          dead: await otherConsumers(redis, keys, priorities, `last-${round}`),
          known: [],
          quarantined: 10,
          cursors: fromBeginning(priorities),
        });
        const last = { redis, keys, consumer: `last-${round}` };
        const starts = await start(redis, keys, last.consumer, deliveries, { binary: false });
        const started = deliveries.filter((_, i) => typeof starts[i] === "object");
        if (started.length > 0) {
          await finish(
            redis,
            keys,
            last.consumer,
            started.map((delivery) => {
              return { delivery, success: true, result: "result", ttl };
            }),
          );
        }
        await fanOutDependents(redis, keys, { reader, binary: false });
        cursor = await mend(redis, keys, cursor);
      }
      const ids = ["bad", "good", "below-bad", "below-good"];
      const results = await Promise.all(ids.map((id) => redis.command<string | null>(["GET", keys.result(id)])));
      return Object.fromEntries(ids.map((id, i) => [id, results[i]]));
    },
  };
}

async function leaseAll(keys: Keys, consumer: string): Promise<Delivery[]> {
  const options = { name: consumer, priorities, idleTimeout: 60_000 };
  const search = { known: [], quarantined: 1, dead: [], cursors: new Map<string, string>() };
  const { deliveries } = await read(scene.redis, keys, options, 10, search);
  return deliveries.toSorted((a, b) => a.taskId < b.taskId ? -1 : 1);
}

function isSortedSet(key: string): boolean {
  return key.includes(":delayed:") || key.endsWith(":ts:failures");
}

const allFinished = { bad: "result", good: "result", "below-bad": "result", "below-good": "result" };

function triesOf(starts: readonly Start[]): unknown[] {
  return starts.map((started) => typeof started === "object" ? started.tries : started);
}

/** Keys that the scripts of a run use, and whether they concern all tasks or only `bad`. */
const families: readonly [name: string, keyIn: (keys: Keys) => string][] = [
  ["the stream of one priority", (keys) => keys.stream("low")],
  ["the delayed tasks of one priority", (keys) => keys.delayed("low")],
  ["the tries of one task", (keys) => keys.tries("bad")],
  ["the result of one task", (keys) => keys.result("bad")],
  ["the completion mark of one task", (keys) => keys.ended("bad")],
  ["the output of one task", (keys) => keys.output("bad")],
  ["the deferring lease of one task", (keys) => keys.retried("bad")],
  ["the running tasks", (keys) => keys.running],
  ["the deferred tasks", (keys) => keys.waiting],
  ["the inputs", (keys) => keys.inputs],
  ["the fan-outs", (keys) => keys.fanOuts],
  ["the dependents of one fan-out", (keys) => keys.fanOut("bad")],
  ["the dropped entries", (keys) => keys.dropped],
  ["the priorities", (keys) => keys.priorities],
  ["the recent results", (keys) => keys.recent],
  ["the dead letters", (keys) => keys.deadLetters],
  ["the kept failures", (keys) => keys.failures],
  ["the kept record of one task", (keys) => keys.failedRecord("bad")],
  ["the kept input of one task", (keys) => keys.failedInput("bad")],
  ["the kept failure of one task", (keys) => keys.failure("bad")],
  ["the tasks that failed with one", (keys) => keys.failedWith("bad")],
];

describe("a key of the wrong type", () => {
  for (const [family, keyIn] of families) {
    it(`in the place of ${family}: start and finish serve the other tasks, and later all of them`, async () => {
      const { keys, lease, start, finish, spoil, mendKey, drain } = await setUp();
      const deliveries = await lease();
      await spoil(keyIn(keys));
      try {
        const [, good] = triesOf(await start(deliveries));
        assertEquals(good, 1);
        assertEquals((await finish(deliveries))[1], true);
      } catch (error) {
        assertStringIncludes(String(error), keyIn(keys));
        assertEquals(family, "the running tasks", "only what all tasks share may stop them");
      }
      await mendKey(keyIn(keys));
      const { "below-bad": below, ...results } = await drain();
      assertEquals(results, { bad: "result", good: "result", "below-good": "result" });
      assert(below !== null);
    });

    it(`in the place of ${family}: retry defers the other tasks`, async () => {
      const { redis, keys, lease, start, spoil, mendKey, drain } = await setUp();
      const deliveries = await lease();
      await start(deliveries);
      await spoil(keyIn(keys));
      const deferrals = deliveries.map((delivery) => ({ delivery, tries: 1, until: 3_600_000 }));
      try {
        assertEquals((await retry(redis, keys, name, deferrals))[1], true);
        assertEquals(await findState(redis, keys, priorities, "good"), "scheduled");
      } catch (error) {
        assertStringIncludes(String(error), keyIn(keys));
        assertEquals(family, "the running tasks", "only what all tasks share may stop them");
      }
      await mendKey(keyIn(keys));
      for (const priority of priorities) {
        for (const id of await redis.command<string[]>(["ZRANGE", keys.delayed(priority), 0, -1])) {
          await redis.command(["XADD", keys.stream(priority), "*", "task_id", id, "enqueue_time", 1]);
        }
      }
      assertEquals(await drain(), allFinished);
    });

    it(`in the place of ${family}: abort aborts, or names the key and changes nothing`, async () => {
      const { redis, keys, lease, start, spoil, mendKey, drain } = await setUp();
      await start((await lease()).slice(0, 1));
      await spoil(keyIn(keys));
      for (const taskId of ["bad", "below-good"]) {
        const cancellation = { taskId, result: "aborted", ttl, mark: `mark of ${taskId}` };
        const run = () => abort(redis, keys, priorities, cancellation);
        const answer = await run().catch((error: unknown) => {
          assertStringIncludes(String(error), keyIn(keys));
          return null;
        });
        if (answer === null) assertEquals(await redis.command(["EXISTS", keys.data(taskId)]), 1);
        await mendKey(keyIn(keys));
        assertEquals((await run()).aborted, true);
        if (taskId === "bad") await spoil(keyIn(keys));
      }
      const results = await drain();
      assertEquals([results.good, results["below-good"]], ["result", "aborted"]);
    });

    it(`in the place of ${family}: nothing else stops`, async () => {
      const { redis, keys, linking, lease, start, spoil, mendKey, drain } = await setUp();
      const deliveries = await lease();
      if (family !== "the running tasks") await start(deliveries);
      await spoil(keyIn(keys));
      const key = keyIn(keys);
      const options = { name, priorities, idleTimeout: 0 };
      const named = (error: unknown) => assertStringIncludes(String(error), key);
      await begin(redis, keys, options, 5, new Map(), { binary: false, timeout: 1000 }).catch(named);
      await tidy(redis, keys, options, tidyStart).catch(named);
      await mend(redis, keys, "0").catch(named);
      await fanOutDependents(redis, keys, { reader, binary: false }).catch(named);
      await discard(redis, keys, [{ priority: "low", entryId: "1-1", reason: "none" }]);
      await findState(redis, keys, priorities, "good");
      assertEquals((await find(redis, keys, priorities, "good", { binary: false, relatives: 5 }))?.data, "data");
      const plain = { id: "plain", priority: "normal", data: "data" };
      assertEquals(await publish(redis, keys, [plain]), ["created"]);
      const [linked, first] = await publishLinked([{ ...plain, id: "linked", after: ["good"] }, {
        ...plain,
        id: "second",
        after: [],
      }], linking);
      assert(linked === "created" || linked instanceof Error);
      assertEquals(first, "created");
      await release(redis, keys, name, deliveries);
      await leave(redis, keys, options, name, []);
      await mendKey(key);
      const { "below-bad": below, ...results } = await drain();
      assertEquals(results, { bad: "result", good: "result", "below-good": "result" });
      assert(below !== null);
    });
  }

  it("in the place of dependents or dependencies: gather refuses the task, and leaves nothing behind", async () => {
    for (const keyIn of [(keys: Keys) => keys.dependents("bad"), (keys: Keys) => keys.waiting]) {
      const { redis, keys, spoil } = await setUp();
      await spoil(keyIn(keys));
      const edges = { token: "token", isFirst: true, after: ["good", "bad"] };
      const obstacle = await gather(redis, keys, "many", edges, new Map());
      assertEquals(obstacle?.kind, "refused");
      assertEquals(await redis.command(["EXISTS", keys.dependencies("many")]), 0);
      assertEquals(await redis.command(["SISMEMBER", keys.dependents("good"), "many"]), 0);
    }
  });

  it("in the place of the dependencies of a task: link refuses the task after they were gathered", async () => {
    const { redis, keys, linking, spoil } = await setUp();
    const edges = { token: "token", isFirst: true, after: ["good"] };
    assertEquals(await gather(redis, keys, "many", edges, new Map()), undefined);
    await spoil(keys.dependencies("many"));
    const { link } = await import("../../src/broker/redis/scripts/enqueue/link.ts");
    const row = { after: [], isPiped: false, failure: undefined, token: "token" };
    const task = { id: "many", priority: "low", data: "data" };
    const [obstacle] = await link(redis, keys, [{ ...row, task }], new Map());
    assertEquals(obstacle?.kind, "refused");
    assertEquals(await redis.command(["EXISTS", keys.data("many")]), 0);
    assertEquals(await publishLinked([{ ...task, after: ["good"] }], linking), ["created"]);
  });

  it("in the place of a lock: the other locks are extended, and this one is lost", async () => {
    const { redis, keys, spoil } = await setUp();
    await spoil(keys.lock("bad"));
    const locks = ["good", "bad", "other"].map((fnName) => ({ fnName, taskId: fnName, token: "0".repeat(32) }));
    assertEquals((await extendLocks(redis, keys, locks, 60_000)).map(({ fnName }) => fnName), ["bad"]);
  });

  it("in the place of a stream: join() names the key", async () => {
    const { redis, keys, spoil } = await setUp();
    await spoil(keys.stream("low"));
    const options = { priorities, binary: false, reader, clock: systemClock };
    const queueName = keys.prefix.slice("streaq:".length);
    await using broker = new RedisBroker({ ...options, redis, ownsRedis: false, queueName });
    const { membership } = broker.consumer({ name, priorities, idleTimeout: 60_000 });
    const join = () => membership.join({ workerId: name, summary: "", versions: new Map() });
    assertStringIncludes(String(await assertRejects(join)), keys.stream("low"));
  });

  it("in the place of a stream and its delayed tasks: a released dependent fails alone", async () => {
    const { redis, keys, lease, start, finish, spoil, drain } = await setUp();
    const deliveries = await lease();
    await start(deliveries);
    await redis.command(["SET", keys.delayed("low"), "x"]);
    await spoil(keys.stream("low"));
    assertEquals((await finish(deliveries))[1], true);
    await redis.command(["DEL", keys.stream("low"), keys.delayed("low")]);
    await redis.command(["RENAME", `${keys.prefix}:aside`, keys.stream("low")]);
    assertEquals((await drain())["below-good"], "result");
  });
});
