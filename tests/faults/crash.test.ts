import { describe, it } from "node:test";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { deferred } from "../../src/base/async.ts";
import type { Task } from "../../src/queue/enqueue/task.ts";
import type { TaskResult } from "../../src/queue/records/task_result.ts";
import { onRedis } from "../queue/brokers.ts";
import { sleep, Stage } from "../queue/stage.ts";
import { eventually } from "../support/poll.ts";
import { type WorkerProcess, WorkerProcesses } from "./worker_processes.ts";

const stage = new Stage(onRedis);

/** A producer of tasks whose functions run in worker processes. */
async function newProducer() {
  const worker = await stage.worker();
  const timed = (name: string) => worker.task((_ms: number): void => {}, { name });
  return {
    worker,
    options: { redisUrl: (await stage.broker).server.url, queueName: worker.queueName },
    work: timed("work"),
    once: timed("once"),
    steady: timed("steady"),
    stubborn: timed("stubborn"),
    alone: timed("alone"),
    deadly: worker.task((): void => {}, { name: "deadly" }),
    endless: worker.task((): void => {}, { name: "endless" }),
  };
}

/** Starts one worker process after another until a task has finished. */
async function replaceUntilDone(processes: WorkerProcesses, task: Task<unknown>): Promise<TaskResult<unknown>> {
  let isDone = false;
  const result = task.result().finally(() => isDone = true);
  while (!isDone) {
    const { exited } = await processes.start();
    await Promise.race([exited, result]);
  }
  return await result;
}

describe("a worker process that is killed", () => {
  it("loses its task to another worker, which counts the try", async () => {
    const { worker, options, work } = await newProducer();
    await using processes = new WorkerProcesses({ ...options, idleTimeout: 500 });
    const victim = await processes.start();
    const task = await work.enqueue(60_000);
    await eventually(() => processes.starts().length === 1);
    const short = await work.enqueue(10);
    assertEquals((await short.result({ timeout: "5s" })).success, true);
    await victim.kill();
    assertEquals(await victim.exited, "SIGKILL");
    const rescuer = await processes.start();
    await eventually(() => processes.starts(task.id).length === 2, { timeout: 10_000 });
    const [, again] = processes.starts(task.id);
    assertEquals([again!.tries, again!.workerId], [2, rescuer.workerId]);
    assertEquals(await rescuer.stop(), 0);
    // A release, unlike a crash, costs no try.
    const last = await processes.start();
    await eventually(() => processes.starts(task.id).length === 3);
    assertEquals(processes.starts(task.id)[2]!.tries, 2);
    await last.kill();
    assertEquals(await worker.statusById(task.id), "running");
  });

  it("costs no try of a task that it has leased but not started", async () => {
    const { worker, options, work } = await newProducer();
    await using processes = new WorkerProcesses({ ...options, idleTimeout: 300 });
    const task = await work.enqueue(1);
    // The state that such a worker leaves behind.
    const stream = `streaq:${worker.queueName}:queues:normal`;
    await worker.redis.command(["XGROUP", "CREATE", stream, "workers", "0"]);
    await worker.redis.command(["XREADGROUP", "GROUP", "workers", "dead", "COUNT", 1, "STREAMS", stream, ">"]);
    const { stop } = await processes.start();
    const result = await task.result({ timeout: "10s" });
    assertEquals([result.success, result.tries, processes.starts().length], [true, 1, 1]);
    assertEquals(await stop(), 0);
  });

  it("makes its task with maxTries: 1 fail instead of being started again", async () => {
    const { worker, options, once } = await newProducer();
    await using processes = new WorkerProcesses({ ...options, idleTimeout: 300 });
    const victim = await processes.start();
    const task = await once.enqueue(60_000);
    await eventually(() => processes.starts().length === 1);
    await victim.kill();
    const rescuer = await processes.start();
    const { exception } = await task.result({ timeout: "10s" });
    assertStringIncludes(exception!.message, "was given up after 1 try");
    assertEquals(processes.starts().length, 1);
    assertEquals(await rescuer.stop(), 0);
    await stage.assertClean(worker);
  });

  it("leaves the lock of its unique task to the next run of that task", async () => {
    const { options, alone } = await newProducer();
    // The lock lives so long that the other task finds it even on a busy machine.
    await using processes = new WorkerProcesses({ ...options, idleTimeout: 3000 });
    const victim = await processes.start();
    const task = await alone.enqueue(4500);
    await eventually(() => processes.starts().length === 1);
    const rescuer = await processes.start();
    await victim.kill();
    const other = await alone.enqueue(10);
    assertStringIncludes((await other.result({ timeout: "5s" })).exception!.message, task.id);
    assertEquals((await task.result({ timeout: "20s" })).tries, 2);
    assertEquals(processes.notes.filter(({ taskId }) => taskId === other.id), []);
    assertEquals((await (await alone.enqueue(10)).result({ timeout: "5s" })).success, true);
    assertEquals(await rescuer.stop(), 0);
  });
});

describe("a task that kills its worker in every run", () => {
  it("is given up after maxTries, and the other tasks complete", async () => {
    const { worker, options, work, deadly } = await newProducer();
    await using processes = new WorkerProcesses({ ...options, idleTimeout: 300, concurrency: 4 });
    const bad = await deadly.enqueue();
    const good = await worker.enqueueMany(Array.from({ length: 20 }, () => work.enqueue(20)));
    const { exception } = await replaceUntilDone(processes, bad);
    assertStringIncludes(exception!.message, "was given up after 3 tries");
    assertEquals(processes.starts(bad.id).length, 3);
    const results = await Promise.all(good.map((task) => task.result({ timeout: "20s" })));
    assert(results.every(({ success }) => success));
  });

  it("does not use up the tries of the tasks beside it", async () => {
    const { worker, options, steady, deadly } = await newProducer();
    await using processes = new WorkerProcesses({ ...options, idleTimeout: 300, concurrency: 8 });
    const [bad, ...good] = await worker.enqueueMany([
      deadly.enqueue(),
      ...Array.from({ length: 7 }, () => steady.enqueue(150)),
    ]);
    assertEquals((await replaceUntilDone(processes, bad!)).success, false);
    const results = await Promise.all(good.map((task) => task.result({ timeout: "20s" })));
    assertEquals(results.map(({ success }) => success), good.map(() => true));
    assert(results.some(({ tries }) => tries > 1), "a task ran beside it");
  });

  it("is given up after 5 crashes if it has no maxTries", async () => {
    const { worker, options, endless } = await newProducer();
    await using processes = new WorkerProcesses({ ...options, idleTimeout: 300 });
    const bad = await endless.enqueue();
    const { exception } = await replaceUntilDone(processes, bad);
    assertStringIncludes(exception!.message, "was given up after 5 runs that were cut off with their worker");
    assertEquals(processes.starts(bad.id).length, 5);
    await stage.assertClean(worker);
  });
});

describe("worker processes that are killed one after another", () => {
  it("complete each of 1,000 tasks with one result, and run none more often than there were kills", async () => {
    const { worker, options, work } = await newProducer();
    await using processes = new WorkerProcesses({ ...options, idleTimeout: 1000, concurrency: 16 });
    const published = new Map<string, number>();
    const over = new AbortController();
    const tasks = await worker.enqueueMany(Array.from({ length: 1000 }, () => work.enqueue(5 + Math.random() * 40)));
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
    const results = Promise.all(tasks.map((task) => task.result())).finally(() => isDone = true);
    let kills = 0;
    const workers = [await processes.start(), await processes.start()];
    while (!isDone && kills < 8) {
      const victim = workers.shift()!;
      // Each is killed in the middle of its work, at a different point.
      const quota = 1 + Math.floor(Math.random() * 60);
      const startsOf = ({ workerId }: WorkerProcess) =>
        processes.starts().filter((start) => start.workerId === workerId);
      await eventually(() => isDone || startsOf(victim).length >= quota, { timeout: 10_000 });
      await victim.kill();
      kills++;
      workers.push(await processes.start());
    }
    assert((await results).every(({ success }) => success));
    for (const { id } of tasks) assert(processes.starts(id).length <= 1 + kills);
    await eventually(() => assertEquals([published.size, ...new Set(published.values())], [1000, 1]));
    over.abort();
    await counting;
    for (const { stop } of workers) assertEquals(await stop(), 0);
    await stage.assertClean(worker);
  });
});

describe("a worker process that shuts down", () => {
  it("releases buffered tasks and tasks that outlast gracePeriod, which another worker takes at once", async () => {
    const { worker, options, work } = await newProducer();
    await using processes = new WorkerProcesses({ ...options, concurrency: 2, prefetch: 10, gracePeriod: 300 });
    const first = await processes.start();
    const long = await work.enqueue(60_000);
    const short = await work.enqueue(400);
    await eventually(() => processes.starts().length === 2);
    const waiting = await work.enqueue(1);
    const start = Date.now();
    const stopped = first.stop();
    const second = await processes.start();
    assertEquals(await stopped, 0);
    assert(Date.now() - start < 10_000, `${Date.now() - start} ms`);
    await eventually(() => processes.starts(long.id).length === 2, { timeout: 3000 });
    assertEquals(processes.starts(long.id).map(({ tries }) => tries), [1, 1]);
    const results = await Promise.all([short, waiting].map((task) => task.result({ timeout: "5s" })));
    assert(results.every(({ success, tries }) => success && tries === 1));
    assertEquals(await second.stop(), 0);
    assertEquals(await worker.statusById(long.id), "queued");
  });

  it("costs its task no try, even ten times in a row", async () => {
    const { options, work } = await newProducer();
    await using processes = new WorkerProcesses({ ...options, concurrency: 1 });
    const task = await work.enqueue(3000);
    let previous: WorkerProcess | undefined;
    for (let restart = 0; restart < 10; restart++) {
      const next = await processes.start();
      if (previous) assertEquals(await previous.stop(), 0);
      await eventually(() => processes.starts(task.id).length === restart + 1);
      previous = next;
    }
    const result = await task.result({ timeout: "10s" });
    assertEquals([result.success, result.tries], [true, 1]);
    assertEquals(await previous!.stop(), 0);
  });

  it("fails a task with maxTries: 1 instead of releasing it", async () => {
    const { options, once } = await newProducer();
    await using processes = new WorkerProcesses(options);
    const { stop } = await processes.start();
    const task = await once.enqueue(60_000);
    await eventually(() => processes.starts().length === 1);
    assertEquals(await stop(), 0);
    assertStringIncludes((await task.result()).exception!.message, "is shutting down");
  });

  for (
    const [signal, outcome, code, status] of [
      ["SIGINT", "exits at once", 130, "running"],
      ["SIGTERM", "still waits for gracePeriod", 0, "queued"],
    ] as const
  ) {
    it(`${outcome} when it receives ${signal} a second time`, async () => {
      const gracePeriod = 2000;
      const { worker, options, work } = await newProducer();
      await using processes = new WorkerProcesses({ ...options, gracePeriod });
      const { signal: send, exited } = await processes.start();
      const task = await work.enqueue(60_000);
      await eventually(() => processes.starts().length === 1);
      const start = Date.now();
      send(signal);
      // Within 500 ms, two signals count as one.
      await sleep(600);
      send(signal);
      assertEquals(await exited, code);
      assertEquals(Date.now() - start > gracePeriod, code === 0);
      assertEquals(await worker.statusById(task.id), status);
    });
  }

  it("exits although a function ignores its signal, and the task runs again elsewhere", async () => {
    const { options, stubborn } = await newProducer();
    await using processes = new WorkerProcesses(options);
    const { stop } = await processes.start();
    const task = await stubborn.enqueue(2000);
    await eventually(() => processes.starts().length === 1);
    assertEquals(await stop(), 0);
    const next = await processes.start();
    assertEquals((await task.result({ timeout: "10s" })).tries, 1);
    assertEquals(processes.starts(task.id).length, 2);
    assertEquals(await next.stop(), 0);
  });
});
