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
import { gate } from "../support/promises.ts";
import { startRedis } from "../support/redis_server.ts";
import { dependentOutcomes, enqueueDependents, failureOf, outcomesOf, setUp, timeout } from "./graph_scene.ts";
import { WorkerProcesses } from "./worker_processes.ts";

const stage = new Stage(onRedis);

/** Finishes the only queued task and runs no fan-out, like a worker that is killed right afterwards. */
async function finishWithoutFanOut(worker: Worker<undefined>, keys: Keys, success: boolean): Promise<void> {
  const priorities = ["normal"];
  const name = "dead-01234567";
  await worker.redis.command(["XGROUP", "CREATE", keys.stream("normal"), "workers", "0", "MKSTREAM"]).catch(() => {});
  const options = { name, priorities, idleTimeout: 60_000 };
  const { deliveries } = await read(worker.redis, keys, options, 1, {
    known: [],
    quarantined: 1,
    dead: [],
    cursors: new Map(),
  });
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

describe("a worker that is killed between finishing a task and the fan-out to its dependents", () => {
  for (const success of [true, false]) {
    const outcome = success ? "a success" : "a failure";
    it(`leaves the fan-out of ${outcome} to the next worker that starts`, async () => {
      const all = await setUp(stage);
      const { worker, keys, ok } = all;
      const source = await ok.enqueue(1);
      const tasks = await enqueueDependents(all, source.id, 1200);
      await finishWithoutFanOut(worker, keys, success);
      assertEquals(await worker.redis.command(["SCARD", `${keys.prefix}:ts:fanout:${source.id}`]), 1200);
      const run = running(worker);
      assertEquals(await outcomesOf(tasks), dependentOutcomes(source.id, success, 1200));
      await run.stop();
      await stage.assertClean(worker);
    });

    it(`leaves the fan-out of ${outcome} to an idle worker`, async () => {
      const all = await setUp(stage);
      const { worker, keys, ok } = all;
      const source = await ok.enqueue(1);
      const tasks = await enqueueDependents(all, source.id, 600);
      const other = await stage.worker({ idleTimeout: 1000, queueName: worker.queueName });
      other.task((n: number) => n, { name: "ok" });
      // The other worker is not connected yet, so it gets no message about the fan-out.
      await finishWithoutFanOut(worker, keys, success);
      const run = running(other);
      assertEquals(await outcomesOf(tasks), dependentOutcomes(source.id, success, 600));
      // From now on it is idle, and learns of a fan-out only with its heartbeats.
      await eventually(async () =>
        assertEquals(await worker.redis.command(["EXISTS", `${keys.prefix}:ts:fanouts`]), 0)
      );
      const [delayed] = await worker.enqueueMany([ok.enqueue(0).start({ delay: "1h" })]);
      const late = await enqueueDependents(all, delayed.id, 3);
      await worker.redis.command([
        "RENAME",
        `${keys.prefix}:task:dependents:${delayed.id}`,
        `${keys.prefix}:ts:fanout:${delayed.id}`,
      ]);
      await worker.redis.command(["HSET", `${keys.prefix}:ts:fanouts`, delayed.id, success ? "1" : `0 ${delayed.id}`]);
      const began = Date.now();
      assertEquals(await outcomesOf(late), dependentOutcomes(delayed.id, success, 3));
      assert(Date.now() - began < 1500, `${Date.now() - began} ms`);
      assertEquals(await delayed.abort(), true);
      await run.stop();
      await stage.assertClean(worker);
    });
  }

  it("leaves the rest of a fan-out that it has begun to another worker", async () => {
    const worker = await stage.worker();
    const options = { redisUrl: (await stage.broker).server.url, queueName: worker.queueName, idleTimeout: 500 };
    await using processes = new WorkerProcesses(options);
    const part = worker.task((_: { how: string; ms: number }) => "", { name: "part" });
    const source = await part.enqueue({ how: "throw", ms: 0 }).start({ delay: "1h" });
    const after = source.id;
    const requests = Array.from({ length: 6000 }, () => part.enqueue({ how: "ok", ms: 0 }).start({ after }));
    const tasks = await worker.enqueueMany(requests);
    const victim = await processes.start();
    const done = async () =>
      6000 - await worker.redis.command<number>(["HLEN", `streaq:${worker.queueName}:ts:waiting`]);
    await worker.redis.command(["ZADD", `streaq:${worker.queueName}:queues:delayed:normal`, 1, source.id]);
    await worker.redis.command(["PUBLISH", `streaq:${worker.queueName}:ts:wake`, "due 0"]);
    await eventually(async () => await done() > 0);
    await victim.kill();
    const before = await done();
    const rescuer = await processes.start();
    const results = await Promise.all(tasks.map((task) => task.result({ timeout })));
    assert(before < 6000, "the worker was killed during the fan-out");
    for (const { exception } of results) assertStringIncludes(exception!.message, failureOf(source.id));
    assertEquals(processes.starts().map(({ taskId }) => taskId), [source.id]);
    assertEquals(await rescuer.stop(), 0);
    await stage.assertClean(worker);
  });
});

describe("a burst", () => {
  it("ends only after the fan-out to all dependents", async () => {
    for (let time = 0; time < 3; time++) {
      const all = await setUp(stage);
      const { worker, bad } = all;
      const source = await bad.enqueue();
      await enqueueDependents(all, source.id, 5000);
      await worker.run({ burst: true });
      assertEquals(await worker.queueSize(), 0);
      await stage.assertClean(worker);
    }
  });
});

describe("a fan-out to 2,000 dependents", () => {
  for (const success of [true, false]) {
    it(`gives each one result while scripts are flushed, after a ${success ? "success" : "failure"}`, async () => {
      const all = await setUp(stage);
      const { worker, redis, ok, bad } = all;
      const source = await (success ? ok.enqueue(1) : bad.enqueue()).start({ delay: 300 });
      const tasks = await enqueueDependents(all, source.id, 2000);
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
      assertEquals(await outcomesOf(tasks), dependentOutcomes(source.id, success, 2000));
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
  it("refuses tasks with dependencies, and still releases, fails and pipes into those that are stored", async () => {
    await using server = await startRedis({ args: ["--maxmemory-policy", "noeviction"] });
    const all = await setUp(stage, { redisUrl: server.url });
    const { worker, redis, ok } = all;
    const { open, opened } = gate();
    const gated = worker.task(async (fails: boolean) => {
      await opened;
      if (fails) throw new RangeError("bad");
      return 1;
    }, { name: "gated" });
    const [good, failing, aborted] = await worker.enqueueMany([
      gated.enqueue(false),
      gated.enqueue(true),
      gated.enqueue(false),
    ]);
    const released = await enqueueDependents(all, good.id, 700);
    const failed = await enqueueDependents(all, failing.id, 700);
    const cancelled = await enqueueDependents(all, aborted.id, 3);
    const piped = await gated.enqueue(false).pipe(ok).pipe(ok);
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
    assertEquals(await outcomesOf(released), dependentOutcomes(good.id, true, 700));
    assertEquals(await outcomesOf(failed), dependentOutcomes(failing.id, false, 700));
    assertEquals(await outcomesOf(cancelled), dependentOutcomes(aborted.id, false, 3));
    assertEquals(await outcomesOf([piped]), [1]);
    await redis.command(["CONFIG", "SET", "maxmemory", "0"]);
    assertEquals(await outcomesOf([await requests[0]!, await requests[1]!]), [1, 1]);
    await run.stop();
    await stage.assertClean(worker);
  });
});
