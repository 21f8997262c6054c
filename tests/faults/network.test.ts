import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { onRedis } from "../queue/brokers.ts";
import { running, sleep, Stage } from "../queue/stage.ts";
import { startRedis } from "../support/redis_server.ts";
import { startProxy } from "../support/tcp_proxy.ts";
import { startLoad } from "./start_load.ts";

const stage = new Stage(onRedis);

describe("a queue under load", () => {
  it("loses no task and leaks no socket while all connections are killed 20 times a second", async () => {
    await using server = await startRedis({ appendonly: true });
    const { settle } = await startLoad(stage, server);
    const { redis } = await stage.worker({ redisUrl: server.url });
    const connections: number[] = [];
    for (let kill = 0; kill < 60; kill++) {
      // The rate of the kills: some hit connections that are being made.
      await sleep(50);
      await redis.command(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).catch(() => {});
      await redis.command(["CLIENT", "KILL", "TYPE", "pubsub"]).catch(() => {});
      connections.push((await redis.command<string>(["CLIENT", "LIST"])).trim().split("\n").length);
    }
    await settle();
    assert(Math.max(...connections) <= 12, `${Math.max(...connections)} connections`);
  });

  it("runs each task once while scripts are flushed again and again", async () => {
    await using server = await startRedis({ appendonly: true });
    const { runs, progress, settle } = await startLoad(stage, server);
    const { redis } = await stage.worker({ redisUrl: server.url });
    for (let flush = 0; flush < 20; flush++) {
      await progress(20);
      await redis.command(["SCRIPT", "FLUSH"]);
    }
    const { results, refused } = await settle();
    assertEquals(refused, 0);
    for (const n of results) assertEquals(runs.get(n), 1);
  });
});

describe("a worker", () => {
  it("keeps its leases with a latency of 200 to 300 ms", async () => {
    await using server = await startRedis();
    await using proxy = await startProxy(server.port);
    proxy.delay(200, 100);
    const worker = await stage.worker({
      redisUrl: `redis://127.0.0.1:${proxy.port}`,
      idleTimeout: 3000,
      concurrency: 8,
    });
    let runs = 0;
    const job = worker.task(async () => {
      runs++;
      // Longer than idleTimeout.
      await sleep(4000);
    }, { name: "job" });
    const run = running(worker);
    const tasks = await worker.enqueueMany(Array.from({ length: 8 }, () => job.enqueue()));
    const results = await Promise.all(tasks.map((task) => task.result()));
    assertEquals([runs, results.every(({ tries }) => tries === 1), worker.counters.relinquished], [8, true, 0]);
    await run.stop();
  });

  it("notices by itself that its connections are half-open, and continues", async () => {
    await using server = await startRedis({ appendonly: true });
    await using proxy = await startProxy(server.port);
    const worker = await stage.worker({ redisUrl: `redis://127.0.0.1:${proxy.port}`, idleTimeout: 60_000 });
    const job = worker.task((n: number) => n, { name: "job" });
    const run = running(worker);
    assertEquals((await (await job.enqueue(1)).result()).result, 1);
    proxy.abandon();
    assertEquals((await (await job.enqueue(2)).result({ timeout: "30s" })).result, 2);
    await run.stop();
  });
});
