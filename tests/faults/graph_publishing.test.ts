import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { gather } from "../../src/broker/redis/scripts/enqueue/gather.ts";
import type { Task } from "../../src/queue/enqueue/task.ts";
import { onRedis } from "../queue/brokers.ts";
import { running, Stage } from "../queue/stage.ts";
import { eventually } from "../support/poll.ts";
import { startProxy } from "../support/tcp_proxy.ts";
import { dependentOutcomes, enqueueDependents, failureOf, outcomesOf, setUp, timeout } from "./graph_scene.ts";

const stage = new Stage(onRedis);

describe("a producer that dies while it stores a task with many dependencies", () => {
  it("leaves no task behind, and another producer can store a task of the same id", async () => {
    const all = await setUp(stage, { idleTimeout: 100 });
    const { worker, redis, keys, ok } = all;
    const delayed = await worker.enqueueMany(
      Array.from({ length: 1000 }, (_, n) => ok.enqueue(n).start({ delay: "1h" })),
    );
    const after = delayed.map(({ id }) => id);
    for (const id of ["lost", "again"]) {
      await gather(redis, keys, id, { token: `token of ${id}`, isFirst: true, after }, new Map());
    }
    assertEquals([await worker.statusById("lost"), await worker.statusById("again")], ["missing", "missing"]);
    const again = await ok.enqueue(1).start({ id: "again", after: after.slice(0, 1) });
    const run = running(worker);
    assertEquals(await worker.abortById("lost"), false);
    await Promise.all(delayed.slice(1).map((task) => task.abort()));
    assertEquals(await again.status(), "scheduled");
    assertEquals(await delayed[0]!.abort(), true);
    assertEquals(await outcomesOf([again]), [failureOf(after[0]!)]);
    // A partly stored task that no failed dependency has discarded expires.
    await gather(redis, keys, "lost", { token: "late", isFirst: true, after: [] }, new Map());
    await redis.command(["HSET", keys.waiting, "lost", ":1000 late"]);
    await eventually(async () => assertEquals(await redis.command(["EXISTS", keys.waiting]), 0));
    await run.stop();
    await stage.assertClean(worker);
  });
});

describe("enqueuing tasks with dependencies", () => {
  for (const side of ["client", "server"] as const) {
    it(`stores each task once when the connection is cut after some bytes from the ${side}`, async () => {
      const { server } = await stage.broker;
      await using proxy = await startProxy(server.port);
      const all = await setUp(stage, { redisUrl: `redis://127.0.0.1:${proxy.port}` });
      const { worker, ok } = all;
      const tasks: Task<number>[] = [];
      for (const bytes of side === "client" ? [1, 3000, 60_000] : [1, 5, 150]) {
        const sources = await worker.enqueueMany(Array.from({ length: 1500 }, (_, n) => ok.enqueue(n)));
        const after = sources.map(({ id }) => id);
        const chain = [ok.enqueue(1).start({ after: after[0] })];
        for (let n = 0; n < 20; n++) chain.push(ok.enqueue(1).start({ after: chain.at(-1)!.id }));
        proxy.cutAfter(bytes, side);
        const [wide, piped, ...others] = await Promise.all([
          ok.enqueue(1).start({ after }),
          ok.enqueue(1).pipe(ok).pipe(ok),
          ...await worker.enqueueMany(chain),
        ]);
        tasks.push(...sources, wide!, piped!, ...others);
      }
      await worker.run({ burst: true });
      for (const task of tasks) assertEquals((await task.result({ timeout })).success, true);
      assertEquals(worker.counters.completed, 3 * (1500 + 1 + 3 + 21));
      await stage.assertClean(worker);
    });
  }

  it("fails each of 100 tasks whose dependency has already failed", async () => {
    const all = await setUp(stage);
    const { worker, bad } = all;
    const source = await bad.enqueue();
    await worker.run({ burst: true });
    const tasks = await enqueueDependents(all, source.id, 100);
    assertEquals(await outcomesOf(tasks), dependentOutcomes(source.id, false, 100));
    await stage.assertClean(worker);
  });

  it("reports the same failed task for a task and its dependents", async () => {
    const { worker, ok, bad } = await setUp(stage);
    const failed = await bad.enqueue();
    await worker.run({ burst: true });
    const aborted = await ok.enqueue(1).start({ delay: "1h" });
    await aborted.abort();
    // The failure of one is known at once, that of the other only from its result.
    const first = ok.enqueue(1).start({ after: aborted.id });
    const second = ok.enqueue(1).start({ after: [failed.id, first.id] });
    const tasks = await worker.enqueueMany([first, second]);
    const third = await ok.enqueue(1).start({ after: second.id });
    const [, own, below] = await outcomesOf([...tasks, third]);
    assertEquals(below, own);
    await stage.assertClean(worker);
  });

  it("accepts a chain of 1,200 tasks in one turn of the event loop, more than one call stores", async () => {
    const { worker, ok } = await setUp(stage);
    const chain = [ok.enqueue(0)];
    for (let n = 1; n < 1200; n++) chain.push(ok.enqueue(n).start({ after: chain[n - 1]!.id }));
    const tasks = await Promise.all(chain);
    await worker.run({ burst: true });
    assertEquals(await outcomesOf(tasks), dependentOutcomes("", true, 1200));
    await stage.assertClean(worker);
  });
});
