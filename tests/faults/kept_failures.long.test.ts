/** Failed tasks are retried while workers die. */
import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { deferred } from "../../src/base/async.ts";
import { onRedis } from "../queue/brokers.ts";
import { sleep, Stage } from "../queue/stage.ts";
import { eventually } from "../support/poll.ts";
import { WorkerProcesses } from "./worker_processes.ts";

const stage = new Stage(onRedis);

/** Number of tasks that are retried while workers are killed. */
const taskCount = 10_000;
const maxKills = 20;

describe("failures", () => {
  it("of many tasks are retried while workers are killed: each has one result, and no living worker runs one twice", async () => {
    const worker = await stage.worker();
    const fragile = worker.task((_ms: number): void => {}, { name: "fragile" });
    const options = { redisUrl: (await stage.broker).server.url, queueName: worker.queueName };
    await using processes = new WorkerProcesses({ ...options, idleTimeout: 1000, concurrency: 16 });
    processes.setBroken(true);
    const workers = [await processes.start(), await processes.start()];
    const tasks = await worker.enqueueMany(Array.from({ length: taskCount }, (_, n) => fragile.enqueue(10 + n % 40)));
    await eventually(async () => assertEquals(await worker.countFailures(), tasks.length), { timeout: 60_000 });
    const before = processes.notes.length;
    processes.setBroken(false);

    const published = new Map<string, number>();
    const over = new AbortController();
    const subscribed = deferred<void>();
    const counting = (async () => {
      const channels = tasks.map(({ id }) => `streaq:${worker.queueName}:channels:${id}`);
      const options = { signal: over.signal, onSubscribed: () => subscribed.resolve() };
      for await (const { channel } of worker.redis.subscribe(channels, options)) {
        const id = channel.slice(channel.lastIndexOf(":") + 1);
        published.set(id, (published.get(id) ?? 0) + 1);
      }
    })().catch(() => {});
    await subscribed.promise;

    let isDone = false;
    const results = worker.retryFailed({}).then(async (count) => {
      assertEquals(count, tasks.length);
      return await Promise.all(tasks.map((task) => task.result()));
    }).finally(() => isDone = true);
    const killed = new Set<string>();
    while (!isDone && killed.size < maxKills) {
      // The fault itself, at any point of the work.
      await sleep(200 + Math.random() * 200);
      const victim = workers.shift()!;
      await victim.kill();
      killed.add(victim.workerId);
      workers.push(await processes.start());
    }
    assertEquals((await results).filter(({ success }) => !success), []);
    await eventually(() => assertEquals([published.size, ...new Set(published.values())], [tasks.length, 1]));
    over.abort();
    await counting;

    const runsById = new Map<string, string[]>();
    for (const { event, taskId, workerId } of processes.notes.slice(before)) {
      if (event === "start") runsById.set(taskId, [...runsById.get(taskId) ?? [], workerId]);
    }
    assertEquals(runsById.size, tasks.length);
    for (const [id, runs] of runsById) {
      assertEquals(new Set(runs).size, runs.length, `${id} ran twice on one worker: ${runs}`);
      assert(runs.slice(0, -1).every((workerId) => killed.has(workerId)), `${id} left a living worker: ${runs}`);
    }
    assertEquals(await worker.countFailures(), 0);
    for (const { stop } of workers) assertEquals(await stop(), 0);
    await stage.assertClean(worker);
  });
});
