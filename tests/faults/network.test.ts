import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { onRedis } from "../queue/brokers.ts";
import { running, sleep, Stage } from "../queue/stage.ts";
import { startRedis } from "../support/redis_server.ts";
import { startProxy } from "../support/tcp_proxy.ts";
import { putLoad } from "./load.ts";

const stage = new Stage(onRedis);

describe("connections that are killed, 20 a second", () => {
  it("cost nothing but time, and leak no socket", async () => {
    await using server = await startRedis({ appendonly: true });
    const { settle } = await putLoad(stage, server);
    const { redis } = await stage.worker({ redisUrl: server.url });
    const most: number[] = [];
    for (let kill = 0; kill < 60; kill++) {
      await sleep(50);
      await redis.command(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).catch(() => {});
      await redis.command(["CLIENT", "KILL", "TYPE", "pubsub"]).catch(() => {});
      most.push((await redis.command<string>(["CLIENT", "LIST"])).trim().split("\n").length);
    }
    await settle();
    assert(Math.max(...most) <= 12, `${Math.max(...most)} connections`);
  });
});

describe("SCRIPT FLUSH ten times a second", () => {
  it("is not noticed", async () => {
    await using server = await startRedis({ appendonly: true });
    const { runs, settle } = await putLoad(stage, server);
    const { redis } = await stage.worker({ redisUrl: server.url });
    for (let flush = 0; flush < 20; flush++) {
      await sleep(100);
      await redis.command(["SCRIPT", "FLUSH"]);
    }
    const { results, refused } = await settle();
    assertEquals(refused, 0);
    for (const n of results) assertEquals(runs.get(n), 1);
  });
});

describe("200 ms of latency with jitter", () => {
  it("loses no lease", async () => {
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
      await sleep(4000);
    }, { name: "job" });
    const run = running(worker);
    const tasks = await worker.enqueueMany(Array.from({ length: 8 }, () => job.enqueue()));
    const results = await Promise.all(tasks.map((task) => task.result()));
    assertEquals([runs, results.every(({ tries }) => tries === 1), worker.counters.relinquished], [8, true, 0]);
    await run.stop();
  });
});

describe("a connection that is half-open", () => {
  it("is found by its own deadline, and work goes on", async () => {
    await using server = await startRedis({ appendonly: true });
    await using proxy = await startProxy(server.port);
    const worker = await stage.worker({ redisUrl: `redis://127.0.0.1:${proxy.port}`, idleTimeout: 60_000 });
    const job = worker.task(async (n: number) => await Promise.resolve(n), { name: "job" });
    const run = running(worker);
    assertEquals((await (await job.enqueue(1)).result()).result, 1);
    proxy.abandon();
    assertEquals((await (await job.enqueue(2)).result({ timeout: "30s" })).result, 2);
    await run.stop();
  });
});
