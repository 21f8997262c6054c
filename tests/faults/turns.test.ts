/** Workers that drain a queue on Redis, and what can happen to their turns. */
import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { onRedis } from "../queue/brokers.ts";
import { Lines, nextTurn, running, Stage } from "../queue/stage.ts";
import { eventually } from "../support/poll.ts";
import { startProxy, type TcpProxy } from "../support/tcp_proxy.ts";

const stage = new Stage(onRedis);
const timeout = "60s";

/** A producer with a connection of its own, and workers behind a proxy that run its tasks. */
async function setUp(proxy: TcpProxy, { workers = 1, concurrency = 16, gracePeriod = 20_000 } = {}) {
  const queueName = stage.newQueue();
  const producer = await stage.worker({ queueName });
  const runs = new Map<number, number>();
  const hooks = { onRun: () => {} };
  const run = async (n: number) => {
    runs.set(n, (runs.get(n) ?? 0) + 1);
    hooks.onRun();
    for (let turn = n % 3; turn > 0; turn--) await nextTurn();
    if (n % 5 === 0) throw new RangeError(`no ${n}`);
    return n;
  };
  const job = producer.task(run, { name: "job", silent: true });
  const lines = new Lines();
  const redisUrl = `redis://127.0.0.1:${proxy.port}`;
  const options = { queueName, redisUrl, concurrency, gracePeriod, idleTimeout: 60_000, logger: lines };
  const all = await Promise.all(Array.from({ length: workers }, () => stage.worker(options)));
  for (const worker of all) worker.task(run, { name: "job", silent: true });
  return { producer, job, workers: all, runs, lines, hooks };
}

describe("a worker whose connections are cut in the middle of turns", () => {
  for (const workers of [1, 2]) {
    it(`loses no task and runs none twice: ${workers} of them`, async () => {
      const { server } = await stage.broker;
      await using proxy = await startProxy(server.port);
      const { producer, job, workers: all, runs, lines } = await setUp(proxy, { workers });
      const runners = all.map((worker) => running(worker));
      const tasks = await producer.enqueueMany(Array.from({ length: 1000 }, (_, n) => job.enqueue(n)));
      let cuts = 0;
      for (; cuts < 20; cuts++) {
        // More work, so that each cut is in the middle of a drain.
        const more = Array.from({ length: 100 }, (_, n) => job.enqueue(1000 + 100 * cuts + n));
        const { accepted } = proxy;
        proxy.cutAfter(1 + Math.floor(Math.random() * 20_000), cuts % 2 ? "client" : "server");
        tasks.push(...await producer.enqueueMany(more));
        await eventually(() => proxy.accepted > accepted, { timeout: 20_000, message: "a connection was cut" });
      }
      const results = await Promise.all(tasks.map((task) => task.result({ timeout })));
      for (const [n, { success, result, exception, tries }] of results.entries()) {
        const expected = n % 5 === 0 ? [false, undefined, `no ${n}`, 1] : [true, n, undefined, 1];
        assertEquals([success, result, exception?.message, tries], expected);
      }
      assertEquals([...runs.values()].filter((count) => count !== 1), []);
      assertEquals(runs.size, 3000);
      await Promise.all(runners.map((run) => run.stop()));
      assertEquals(lines.with("finished elsewhere"), []);
      await stage.assertClean(producer);
    });
  }

  it("spends no try when it shuts down before the reply of a turn", async () => {
    const { server } = await stage.broker;
    await using proxy = await startProxy(server.port);
    const { producer, job, workers: [worker], runs, hooks } = await setUp(proxy, {
      concurrency: 4,
      gracePeriod: 20_000,
    });
    const tasks = await producer.enqueueMany(Array.from({ length: 400 }, (_, n) => job.enqueue(n)));
    let shutDown: Promise<void> | undefined;
    const run = running(worker!);
    hooks.onRun = () => {
      if (runs.size !== 100) return;
      // Longer than a shutdown waits for the last turn; the reply comes later.
      proxy.delay(1500);
      shutDown = run.stop();
    };
    await eventually(() => shutDown !== undefined, { timeout: 20_000 });
    await shutDown;
    proxy.delay(0);
    const last = await stage.worker({ queueName: producer.queueName });
    const again = new Set<number>();
    last.task((n: number) => {
      again.add(n);
      return n;
    }, { name: "job", silent: true });
    const rest = running(last);
    const results = await Promise.all(tasks.map((task) => task.result({ timeout })));
    assertEquals(results.filter(({ tries }) => tries !== 1), []);
    assertEquals([...runs.keys()].filter((n) => again.has(n)), []);
    await rest.stop();
    await stage.assertClean(producer);
  });
});

describe("entries of other clients in the middle of a drain", () => {
  it("run once like all others, and broken ones become dead letters", async () => {
    const worker = await stage.worker({ priorities: ["low", "high"], concurrency: 8 });
    const { redis, queueName } = worker;
    const prefix = `streaq:${queueName}`;
    const runs = new Map<string, number>();
    const job = worker.task((id: string) => void runs.set(id, (runs.get(id) ?? 0) + 1), { name: "job", silent: true });
    const ids: string[] = [];
    const time = String(Date.now());
    const kinds: ((id: string) => string[])[] = [
      (id) => ["task_id", id, "enqueue_time", time],
      (id) => ["enqueue_time", time, "task_id", id],
      (id) => ["task_id", id, "enqueue_time", time, "more", "fields"],
      (id) => ["more", "fields", "task_id", id],
      (id) => ["task_id", id],
    ];
    const broken = [
      ["enqueue_time", "1"],
      ["a", "b"],
      ["task_id", "", "enqueue_time", "1"],
      ["task_id", "x", "enqueue_time", "soon"],
      ["task_id", "x", "enqueue_time", "9".repeat(30)],
      ["task_id", "x", "enqueue_time", "9".repeat(16)],
    ];
    for (let round = 0; round < 40; round++) {
      const requests = Array.from({ length: 40 }, (_, n) => {
        const id = `own-${round}-${n}`;
        ids.push(id);
        return job.enqueue(id).start({ priority: n % 3 ? "low" : "high" });
      });
      await worker.enqueueMany(requests);
      for (const [n, fields] of kinds.entries()) {
        const id = `other-${round}-${n}`;
        ids.push(id);
        const record = JSON.stringify({ f: "job", a: [id], k: {}, t: 1, i: id });
        await redis.command(["SET", `${prefix}:task:data:${id}`, record]);
        await redis.command(["XADD", `${prefix}:queues:${round % 2 ? "low" : "high"}`, "*", ...fields(id)]);
      }
      await redis.command(["XADD", `${prefix}:queues:low`, "*", ...broken[round % broken.length]!]);
    }
    const run = running(worker);
    await eventually(() => runs.size === ids.length, { timeout: 20_000 });
    await eventually(async () => await redis.command(["LLEN", `${prefix}:ts:dead`]) === 40);
    await run.stop();
    assertEquals(new Set(runs.keys()), new Set(ids));
    assertEquals([...runs.values()].filter((count) => count !== 1), []);
    assertEquals([worker.counters.completed, worker.counters.failed], [ids.length, 0]);
    await redis.command(["DEL", `${prefix}:ts:dead`]);
    await stage.assertClean(worker);
  });
});
