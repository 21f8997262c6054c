/** A script whose reply was lost is sent again: it answers the same, and changes nothing more. */
import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import type { Delivery } from "../../../src/broker/contract/delivery.ts";
import type { Keys } from "../../../src/broker/redis/keys.ts";
import { fanOut } from "../../../src/broker/redis/scripts/dependents/fan_out.ts";
import { mend } from "../../../src/broker/redis/scripts/dependents/mend.ts";
import { abort } from "../../../src/broker/redis/scripts/end/abort.ts";
import { finish } from "../../../src/broker/redis/scripts/end/finish.ts";
import { retry } from "../../../src/broker/redis/scripts/end/retry.ts";
import { gather } from "../../../src/broker/redis/scripts/enqueue/gather.ts";
import { link } from "../../../src/broker/redis/scripts/enqueue/link.ts";
import { publish } from "../../../src/broker/redis/scripts/enqueue/publish.ts";
import { begin } from "../../../src/broker/redis/scripts/lease/begin.ts";
import { discard } from "../../../src/broker/redis/scripts/lease/discard.ts";
import { leave } from "../../../src/broker/redis/scripts/lease/leave.ts";
import { read } from "../../../src/broker/redis/scripts/lease/read.ts";
import { release } from "../../../src/broker/redis/scripts/lease/release.ts";
import { start } from "../../../src/broker/redis/scripts/lease/start.ts";
import { tidy } from "../../../src/broker/redis/scripts/lease/tidy.ts";
import { extendLocks, releaseLock, takeLock } from "../../../src/broker/redis/scripts/lock/lock.ts";
import type { RedisClient, Reply } from "../../../src/redis/mod.ts";
import { Scene } from "../scene.ts";

const scene = new Scene();
const priorities = ["normal"];
const ttl = 60_000;
const consumer = { name: "one", priorities, idleTimeout: 60_000 };
const lock = { fnName: "fn", taskId: "task", token: "0".repeat(32) };
const data = { priority: "normal", data: "data" };
const row = { isPiped: false, failure: undefined, token: undefined };

/** A queue in which `task` and `other` are leased, and `below` waits for `task`. */
interface Situation {
  readonly redis: RedisClient;
  readonly keys: Keys;
  readonly deliveries: readonly [task: Delivery, other: Delivery];
}

async function situation(): Promise<Situation> {
  const { redis } = scene;
  const { keys } = await scene.rig(["task", "other"]);
  await link(redis, keys, [{ ...row, task: { id: "below", ...data }, after: ["task"] }], new Map());
  const search = { known: [], quarantined: 1, dead: [], cursors: new Map<string, string>() };
  const { deliveries } = await read(redis, keys, consumer, 2, search);
  return { redis, keys, deliveries: deliveries as [Delivery, Delivery] };
}

/** Starts both tasks. */
async function run({ redis, keys, deliveries }: Situation): Promise<void> {
  await start(redis, keys, "one", deliveries, { binary: false });
}

function completionOf(delivery: Delivery, success: boolean, resultTtl = ttl) {
  return { delivery, success, result: "result", ttl: resultTtl };
}

const cancellation = { taskId: "task", result: "aborted", ttl, mark: "mark" };

/** Each script: what comes before it, and a call of it, which returns its answer. */
const calls: readonly [
  name: string,
  before: (situation: Situation) => Promise<unknown>,
  call: (situation: Situation) => Promise<unknown>,
][] = [
  ["start", nothing, ({ redis, keys, deliveries }) => start(redis, keys, "one", deliveries, { binary: false })],
  ["start of a dropped entry", ({ redis, keys }) => abort(redis, keys, priorities, cancellation), (all) => {
    return start(all.redis, all.keys, "one", all.deliveries, { binary: false });
  }],
  ["start of a task that has finished", ({ redis, keys }) => {
    return redis.command(["RENAME", keys.data("task"), keys.result("task")]);
  }, ({ redis, keys, deliveries }) => start(redis, keys, "one", deliveries, { binary: false })],
  ["begin", nothing, async ({ redis, keys }) => {
    return [...await begin(redis, keys, consumer, 5, new Map(), { binary: false, timeout: 1000 })];
  }],
  ["finish of a success", run, ({ redis, keys, deliveries }) => {
    return finish(redis, keys, "one", deliveries.map((delivery) => completionOf(delivery, true)));
  }],
  ["finish of a failure", run, ({ redis, keys, deliveries }) => {
    return finish(redis, keys, "one", deliveries.map((delivery) => completionOf(delivery, false)));
  }],
  ["finish of a result that is not kept", run, ({ redis, keys, deliveries }) => {
    return finish(redis, keys, "one", deliveries.map((delivery) => completionOf(delivery, false, 0)));
  }],
  ["finish after the lease was lost", async ({ redis, keys, deliveries }) => {
    await release(redis, keys, "one", deliveries);
  }, ({ redis, keys, deliveries }) => {
    return finish(redis, keys, "one", deliveries.map((delivery) => completionOf(delivery, false)));
  }],
  ["retry", run, ({ redis, keys, deliveries }) => {
    return retry(redis, keys, "one", deliveries.map((delivery) => ({ delivery, tries: 1, until: new Date(5000) })));
  }],
  ["retry after the lease was lost, though the number of tries matches", async (all) => {
    await all.redis.command(["SET", all.keys.tries("task"), 1]);
    await release(all.redis, all.keys, "one", all.deliveries);
  }, async ({ redis, keys, deliveries }) => {
    const answers = await retry(redis, keys, "one", [{ delivery: deliveries[0], tries: 1, until: 5000 }]);
    assertEquals(answers, [false]);
    return answers;
  }],
  ["abort of a running task with dependents", run, ({ redis, keys }) => abort(redis, keys, priorities, cancellation)],
  ["abort of a task that has not started", nothing, ({ redis, keys }) => {
    return abort(redis, keys, priorities, { ...cancellation, taskId: "other" });
  }],
  ["abort of a deferred task", nothing, ({ redis, keys }) => {
    return abort(redis, keys, priorities, { ...cancellation, taskId: "below", ttl: 0 });
  }],
  ["abort of an unknown task", nothing, ({ redis, keys }) => {
    return abort(redis, keys, priorities, { ...cancellation, taskId: "unknown" });
  }],
  ["release", run, async ({ redis, keys, deliveries }) => await release(redis, keys, "one", deliveries)],
  ["leave", run, async ({ redis, keys }) => await leave(redis, keys, consumer, "one", ["task"])],
  ["discard", nothing, async ({ redis, keys, deliveries: [{ priority, entryId }] }) => {
    await discard(redis, keys, [{ priority, entryId, reason: "broken" }]);
  }],
  ["tidy", run, ({ redis, keys }) => tidy(redis, keys, consumer, "0")],
  ["mend", ({ redis, keys }) => redis.command(["DEL", keys.data("task")]), ({ redis, keys }) => {
    return mend(redis, keys, "0");
  }],
  ["gather", nothing, ({ redis, keys }) => {
    return gather(redis, keys, "many", { token: "token", isFirst: true, after: ["task", "other"] }, new Map());
  }],
  ["fan_out that fails", async (all) => {
    await run(all);
    await finish(all.redis, all.keys, "one", all.deliveries.map((delivery) => completionOf(delivery, false)));
  }, async ({ redis, keys }) => {
    const failures = [{ taskId: "below", dependency: "task", result: "failed", ttl }];
    // Only the number of failed dependents differs.
    return (await fanOut(redis, keys, failures, { binary: false })).listed;
  }],
  ["takeLock", nothing, ({ redis, keys }) => takeLock(redis, keys, lock, 60_000)],
  ["extendLocks", nothing, ({ redis, keys }) => extendLocks(redis, keys, [lock], 60_000)],
  ["releaseLock", ({ redis, keys }) => takeLock(redis, keys, lock, 60_000), ({ redis, keys }) => {
    return releaseLock(redis, keys, lock);
  }],
];

async function nothing(): Promise<void> {
  await scene.redis.command(["PING"]);
}

/** Every key of a queue with what it holds. */
async function stateOf({ redis, keys }: Situation): Promise<Record<string, unknown>> {
  const state: Record<string, unknown> = {};
  for (const key of (await redis.command<string[]>(["KEYS", `${keys.prefix}:*`])).sort()) {
    state[key] = await contentOf(redis, key);
  }
  return state;
}

async function contentOf(redis: RedisClient, key: string): Promise<unknown> {
  switch (await redis.command<string>(["TYPE", key])) {
    case "string":
      return await redis.command(["GET", key]);
    case "hash":
      // Without the time at which dependencies began to be stored.
      return [...await redis.command<Map<string, string> & Reply>(["HGETALL", key])].map(([field, value]) => {
        return [field, value.replace(/^:\d+ /, "")];
      });
    case "set":
      return [...await redis.command<Set<string> & Reply>(["SMEMBERS", key])].sort();
    case "zset":
      return await redis.command(["ZRANGE", key, 0, -1, "WITHSCORES"]);
    case "list":
      return await redis.command(["LRANGE", key, 0, -1]);
    case "stream": {
      const pending = await redis.command<[string, string, number, number][]>([
        "XPENDING",
        key,
        "workers",
        "-",
        "+",
        100,
      ]);
      // Without the idle times.
      return [await redis.command(["XRANGE", key, "-", "+"]), pending.map(([id, name, , count]) => [id, name, count])];
    }
  }
}

function untimed(answer: unknown): unknown {
  return JSON.parse(JSON.stringify(answer ?? null, (key, value) => key === "time" ? 0 : value));
}

describe("a script that is sent twice answers the same, and changes nothing more", () => {
  for (const [name, before, call] of calls) {
    it(name, async () => {
      const all = await situation();
      await before(all);
      const answer = await call(all);
      const state = await stateOf(all);
      assertEquals(untimed(await call(all)), untimed(answer));
      assertEquals(await stateOf(all), state);
    });
  }

  it("publish and link, which then find the tasks stored", async () => {
    const all = await situation();
    const { redis, keys } = all;
    const tasks = [{ id: "a", ...data }, { id: "b", ...data, due: 3_600_000 }];
    const linked = { ...row, task: { id: "c", ...data }, after: ["task"] };
    assertEquals(await publish(redis, keys, tasks), ["created", "created"]);
    assertEquals(await link(redis, keys, [linked], new Map()), [undefined]);
    const state = await stateOf(all);
    assertEquals(await publish(redis, keys, tasks), ["exists", "exists"]);
    assertEquals(await link(redis, keys, [linked], new Map()), [{ kind: "exists" }]);
    assertEquals(await stateOf(all), state);
  });

  it("retry, even if another worker has started the task meanwhile and died", async () => {
    const all = await situation();
    await run(all);
    const { redis, keys, deliveries: [delivery] } = all;
    const deferral = { delivery, tries: 1, until: new Date(5000) };
    assertEquals(await retry(redis, keys, "one", [deferral]), [true]);
    await redis.command(["INCR", keys.tries("task")]);
    assertEquals(await retry(redis, keys, "one", [deferral]), [true]);
  });

  it("abort, even if a new task has the id meanwhile", async () => {
    const { redis, keys } = await situation();
    const again = { ...cancellation, ttl: 0 };
    assertEquals((await abort(redis, keys, priorities, again)).aborted, true);
    await redis.command(["SET", keys.data("task"), "new"]);
    assertEquals((await abort(redis, keys, priorities, again)).aborted, true);
    assertEquals(await redis.command(["GET", keys.data("task")]), "new");
  });
});
