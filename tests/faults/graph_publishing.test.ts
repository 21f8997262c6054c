/** Storing tasks that depend on others, when something goes wrong meanwhile or has gone wrong before. */
import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { gather } from "../../src/broker/redis/scripts/enqueue/gather.ts";
import type { Task } from "../../src/queue/enqueue/task.ts";
import { onRedis } from "../queue/brokers.ts";
import { running, Stage } from "../queue/stage.ts";
import { eventually } from "../support/poll.ts";
import { startProxy } from "../support/tcp_proxy.ts";
import { blaming, dependents, ends, expected, setUp, timeout } from "./graph_scene.ts";

const stage = new Stage(onRedis);

describe("who dies in the middle of storing a task with many dependencies", () => {
  it("leaves nothing behind, and keeps nobody from storing it", async () => {
    const all = await setUp(stage, { idleTimeout: 100 });
    const { worker, redis, keys, ok } = all;
    const held = await worker.enqueueMany(Array.from({ length: 1000 }, (_, n) => ok.enqueue(n).start({ delay: "1h" })));
    const after = held.map(({ id }) => id);
    for (const id of ["lost", "again"]) {
      await gather(redis, keys, id, { token: `token of ${id}`, isFirst: true, after }, new Map());
    }
    assertEquals([await worker.statusById("lost"), await worker.statusById("again")], ["missing", "missing"]);
    const again = await ok.enqueue(1).start({ id: "again", after: after.slice(0, 1) });
    const run = running(worker);
    assertEquals(await worker.abortById("lost"), false);
    await Promise.all(held.slice(1).map((task) => task.abort()));
    assertEquals(await again.status(), "scheduled");
    assertEquals(await held[0]!.abort(), true);
    assertEquals(await ends([again]), [blaming(after[0]!)]);
    // Failures let it begin anew; where none comes, its time is over at last.
    await gather(redis, keys, "lost", { token: "late", isFirst: true, after: [] }, new Map());
    await redis.command(["HSET", keys.waiting, "lost", ":1000 late"]);
    await eventually(async () => assertEquals(await redis.command(["EXISTS", keys.waiting]), 0));
    await run.stop();
    await stage.assertClean(worker);
  });
});

describe("a connection that is cut while tasks are stored with their dependencies", () => {
  for (const side of ["client", "server"] as const) {
    it(`costs nothing: they are sent again, after so many bytes of the ${side}`, async () => {
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
});

describe("tasks that are enqueued after one that has failed", () => {
  it("fail with it, however many they are", async () => {
    const all = await setUp(stage);
    const { worker, bad } = all;
    const source = await bad.enqueue();
    await worker.run({ burst: true });
    const tasks = await dependents(all, source.id, 100);
    assertEquals(await ends(tasks), expected(source.id, false, 100));
    await stage.assertClean(worker);
  });

  it("name the same task as those do that depend on them", async () => {
    const { worker, ok, bad } = await setUp(stage);
    const failed = await bad.enqueue();
    await worker.run({ burst: true });
    const aborted = await ok.enqueue(1).start({ delay: "1h" });
    await aborted.abort();
    // Of the one that was aborted it is known at once, of the other one the result has to be read.
    const first = ok.enqueue(1).start({ after: aborted.id });
    const second = ok.enqueue(1).start({ after: [failed.id, first.id] });
    const tasks = await worker.enqueueMany([first, second]);
    const third = await ok.enqueue(1).start({ after: second.id });
    const [, own, below] = await ends([...tasks, third]);
    assertEquals(below, own);
    await stage.assertClean(worker);
  });
});

describe("tasks that are enqueued in one turn of the event loop", () => {
  it("may depend on each other, also where they are more than one call stores", async () => {
    const { worker, ok } = await setUp(stage);
    const chain = [ok.enqueue(0)];
    for (let n = 1; n < 1200; n++) chain.push(ok.enqueue(n).start({ after: chain[n - 1]!.id }));
    const tasks = await Promise.all(chain);
    await worker.run({ burst: true });
    assertEquals(await ends(tasks), expected("", true, 1200));
    await stage.assertClean(worker);
  });
});
