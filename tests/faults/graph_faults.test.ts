import { describe, it } from "node:test";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { StreaqError } from "../../src/base/errors.ts";
import type { Keys } from "../../src/broker/redis/keys.ts";
import { finish } from "../../src/broker/redis/scripts/end/finish.ts";
import { read } from "../../src/broker/redis/scripts/lease/read.ts";
import type { Worker } from "../../src/queue/worker.ts";
import { onRedis } from "../queue/brokers.ts";
import { running, Stage } from "../queue/stage.ts";
import { eventually } from "../support/poll.ts";
import { startRedis } from "../support/redis_server.ts";
import { Crew } from "./crew.ts";
import { blaming, dependents, ends, expected, setUp, timeout } from "./graph_scene.ts";

const stage = new Stage(onRedis);
/** Ends the only task that is queued, as a worker does that is killed right after that. */
async function endOnce(worker: Worker<undefined>, keys: Keys, success: boolean): Promise<void> {
  const priorities = ["normal"];
  const name = "dead-01234567";
  await worker.redis.command(["XGROUP", "CREATE", keys.stream("normal"), "workers", "0", "MKSTREAM"]).catch(() => {});
  const options = { name, priorities, idleTimeout: 60_000 };
  const { deliveries } = await read(worker.redis, keys, options, 1, { known: [], quarantined: 1, cursors: new Map() });
  const { taskId } = deliveries[0]!;
  const result = JSON.stringify({
    f: "ok",
    ct: 1,
    et: 1,
    st: 1,
    ft: 1,
    t: 1,
    w: "dead",
    s: success,
    i: taskId,
    r: success ? 1 : { name: "RangeError", message: "bad" },
  });
  const ending = { delivery: deliveries[0]!, success, result, ttl: 60_000 };
  assertEquals(await finish(worker.redis, keys, name, [ending]), { ends: [true], listed: 1 });
}

describe("a worker that is killed when it has ended a task, and before it has told those that wait for it", () => {
  for (const success of [true, false]) {
    const end = success ? "success" : "failure";
    it(`leaves that to the next one that starts: ${end}`, async () => {
      const all = await setUp(stage);
      const { worker, keys, ok } = all;
      const source = await ok.enqueue(1);
      const tasks = await dependents(all, source.id, 1200);
      await endOnce(worker, keys, success);
      assertEquals(await worker.redis.command(["SCARD", `${keys.prefix}:ts:fanout:${source.id}`]), 1200);
      const run = running(worker);
      assertEquals(await ends(tasks), expected(source.id, success, 1200));
      await run.stop();
      await stage.assertClean(worker);
    });

    it(`leaves that to one that is idle: ${end}`, async () => {
      const all = await setUp(stage);
      const { worker, keys, ok } = all;
      const source = await ok.enqueue(1);
      const tasks = await dependents(all, source.id, 600);
      const other = await stage.worker({ idleTimeout: 1000, queueName: worker.queueName });
      other.task(async (n: number) => await Promise.resolve(n), { name: "ok" });
      // It has no connection yet when the task is ended, and is told nothing.
      await endOnce(worker, keys, success);
      const run = running(other);
      assertEquals(await ends(tasks), expected(source.id, success, 600));
      // From now on it is idle: what comes up now it learns of with its signs of life.
      await eventually(async () =>
        assertEquals(await worker.redis.command(["EXISTS", `${keys.prefix}:ts:fanouts`]), 0)
      );
      const [waiting] = await worker.enqueueMany([ok.enqueue(0).start({ delay: "1h" })]);
      const late = await dependents(all, waiting.id, 3);
      await worker.redis.command([
        "RENAME",
        `${keys.prefix}:task:dependents:${waiting.id}`,
        `${keys.prefix}:ts:fanout:${waiting.id}`,
      ]);
      await worker.redis.command(["HSET", `${keys.prefix}:ts:fanouts`, waiting.id, success ? "1" : `0 ${waiting.id}`]);
      const began = Date.now();
      assertEquals(await ends(late), expected(waiting.id, success, 3));
      assert(Date.now() - began < 1500, `${Date.now() - began} ms`);
      assertEquals(await waiting.abort(), true);
      await run.stop();
      await stage.assertClean(worker);
    });
  }

  it("in the middle of that, leaves the rest to another, and each has one result", async () => {
    const worker = await stage.worker();
    const options = { redisUrl: (await stage.broker).server.url, queueName: worker.queueName, idleTimeout: 500 };
    await using crew = new Crew(options);
    const part = worker.task(async (_: { how: string; ms: number }) => await Promise.resolve(""), { name: "part" });
    const source = await part.enqueue({ how: "throw", ms: 0 }).start({ delay: "1h" });
    const after = source.id;
    const requests = Array.from({ length: 6000 }, () => part.enqueue({ how: "ok", ms: 0 }).start({ after }));
    const tasks = await worker.enqueueMany(requests);
    const victim = await crew.hire();
    const done = async () =>
      6000 - await worker.redis.command<number>(["HLEN", `streaq:${worker.queueName}:ts:waiting`]);
    await worker.redis.command(["ZADD", `streaq:${worker.queueName}:queues:delayed:normal`, 1, source.id]);
    await worker.redis.command(["PUBLISH", `streaq:${worker.queueName}:ts:wake`, "due 0"]);
    await eventually(async () => await done() > 0);
    victim.signal("SIGKILL");
    await victim.ended;
    const before = await done();
    const rescuer = await crew.hire();
    const results = await Promise.all(tasks.map((task) => task.result({ timeout })));
    assert(before < 6000, "it was killed before all were told");
    for (const { exception } of results) assertStringIncludes(exception!.message, blaming(source.id));
    assertEquals(crew.starts().map(({ taskId }) => taskId), [source.id]);
    rescuer.signal("SIGTERM");
    assertEquals(await rescuer.ended, 0);
    await stage.assertClean(worker);
  });
});

describe("a burst", () => {
  it("ends when all have been told, and not while they are", async () => {
    for (let time = 0; time < 3; time++) {
      const all = await setUp(stage);
      const { worker, bad } = all;
      const source = await bad.enqueue();
      await dependents(all, source.id, 5000);
      await worker.run({ burst: true });
      assertEquals(await worker.queueSize(), 0);
      await stage.assertClean(worker);
    }
  });
});

describe("scripts that are flushed while 2,000 are told", () => {
  for (const success of [true, false]) {
    it(`cost nothing: ${success ? "success" : "failure"}`, async () => {
      const all = await setUp(stage);
      const { worker, redis, ok, bad } = all;
      const source = await (success ? ok.enqueue(1) : bad.enqueue()).start({ delay: 300 });
      const tasks = await dependents(all, source.id, 2000);
      const counts = new Map<string, number>();
      const over = new AbortController();
      const channels = tasks.map(({ id }) => `streaq:${worker.queueName}:channels:${id}`);
      let isSubscribed = false;
      const listening = (async () => {
        const options = { signal: over.signal, onSubscribed: () => isSubscribed = true };
        for await (const { channel } of redis.subscribe(channels, options)) {
          counts.set(channel, (counts.get(channel) ?? 0) + 1);
        }
      })().catch(() => {});
      await eventually(() => isSubscribed);
      let isOver = false;
      const flushing = (async () => {
        while (!isOver) await redis.command(["SCRIPT", "FLUSH"]);
      })();
      const run = running(worker);
      assertEquals(await ends(tasks), expected(source.id, success, 2000));
      isOver = true;
      await flushing;
      await eventually(() => assertEquals([counts.size, ...new Set(counts.values())], [2000, 1]));
      over.abort();
      await listening;
      await run.stop();
      await stage.assertClean(worker);
    });
  }
});

describe("a server whose memory is full", () => {
  it("refuses tasks that depend on others; those that are there are released, failed and given their input", async () => {
    await using server = await startRedis({ args: ["--maxmemory-policy", "noeviction"] });
    const all = await setUp(stage, { redisUrl: server.url });
    const { worker, redis, ok } = all;
    let open = () => {};
    const opened = new Promise<void>((resolve) => open = resolve);
    const gate = worker.task(async (fails: boolean) => {
      await opened;
      if (fails) throw new RangeError("bad");
      return 1;
    }, { name: "gate" });
    const [good, failing, aborted] = await worker.enqueueMany([
      gate.enqueue(false),
      gate.enqueue(true),
      gate.enqueue(false),
    ]);
    const released = await dependents(all, good.id, 700);
    const failed = await dependents(all, failing.id, 700);
    const cancelled = await dependents(all, aborted.id, 3);
    const piped = await gate.enqueue(false).pipe(ok).pipe(ok);
    const run = running(worker);
    await eventually(() => worker.running === 4);
    await redis.command(["CONFIG", "SET", "maxmemory", "1mb"]);
    const requests = [ok.enqueue(1).start({ after: good.id }), ok.enqueue(1).pipe(ok)];
    for (const request of requests) {
      const error = await assertRejects(async () => await request, StreaqError) as Error;
      assertStringIncludes(error.message, "OOM");
      assertEquals(await request.status(), "missing");
    }
    assertEquals(await aborted.abort(), true);
    open();
    assertEquals(await ends(released), expected(good.id, true, 700));
    assertEquals(await ends(failed), expected(failing.id, false, 700));
    assertEquals(await ends(cancelled), expected(aborted.id, false, 3));
    assertEquals(await ends([piped]), [1]);
    await redis.command(["CONFIG", "SET", "maxmemory", "0"]);
    assertEquals(await ends([await requests[0]!, await requests[1]!]), [1, 1]);
    await run.stop();
    await stage.assertClean(worker);
  });
});
