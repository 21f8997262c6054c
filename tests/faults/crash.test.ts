import { describe, it } from "node:test";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { onRedis } from "../queue/brokers.ts";
import { sleep, Stage } from "../queue/stage.ts";
import { eventually } from "../support/poll.ts";
import { Crew } from "./crew.ts";

const stage = new Stage(onRedis);

/** A producer that knows the tasks of the worker processes by name only. */
async function producer() {
  const worker = await stage.worker();
  const noop = async (_ms: number) => await Promise.resolve();
  return {
    worker,
    options: { redisUrl: (await stage.broker).server.url, queueName: worker.queueName },
    work: worker.task(noop, { name: "work" }),
    once: worker.task(noop, { name: "once" }),
    deadly: worker.task(async () => await Promise.resolve(), { name: "deadly" }),
    steady: worker.task(noop, { name: "steady" }),
    endless: worker.task(async () => await Promise.resolve(), { name: "endless" }),
    alone: worker.task(noop, { name: "alone" }),
  };
}

describe("a worker process that is killed", () => {
  it("costs a task only time: another takes it over, and counts the try", async () => {
    const { worker, options, work } = await producer();
    await using crew = new Crew({ ...options, idleTimeout: 500 });
    const victim = await crew.hire();
    const task = await work.enqueue(60_000);
    await eventually(() => crew.starts().length === 1);
    const short = await work.enqueue(10);
    assertEquals((await short.result({ timeout: "5s" })).success, true);
    victim.signal("SIGKILL");
    assertEquals(await victim.ended, "SIGKILL");
    const killed = Date.now();
    const rescuer = await crew.hire();
    await eventually(() => crew.starts(task.id).length === 2, { timeout: 10_000 });
    const [, again] = crew.starts(task.id);
    assertEquals([again!.tries, again!.workerId], [2, "hand-1"]);
    assert(again!.time - killed < 10_000);
    rescuer.signal("SIGTERM");
    assertEquals(await rescuer.ended, 0);
    // Handed back, at the cost of no try.
    const last = await crew.hire();
    await eventually(() => crew.starts(task.id).length === 3);
    assertEquals(crew.starts(task.id)[2]!.tries, 2);
    last.signal("SIGKILL");
    await last.ended;
    assertEquals(await worker.statusById(task.id), "running");
  });

  it("between reading a task and starting it costs no try", async () => {
    const { worker, options, work } = await producer();
    await using crew = new Crew({ ...options, idleTimeout: 300 });
    const task = await work.enqueue(1);
    await worker.redis.command(["XGROUP", "CREATE", `streaq:${worker.queueName}:queues:normal`, "workers", "0"]);
    // What a worker leaves that is killed right after its read.
    const stream = `streaq:${worker.queueName}:queues:normal`;
    await worker.redis.command(["XREADGROUP", "GROUP", "workers", "dead", "COUNT", 1, "STREAMS", stream, ">"]);
    const hand = await crew.hire();
    const result = await task.result({ timeout: "10s" });
    assertEquals([result.success, result.tries, crew.starts().length], [true, 1, 1]);
    hand.signal("SIGTERM");
    assertEquals(await hand.ended, 0);
  });

  it("never starts a task of maxTries 1 again: it fails", async () => {
    const { worker, options, once } = await producer();
    await using crew = new Crew({ ...options, idleTimeout: 300 });
    const victim = await crew.hire();
    const task = await once.enqueue(60_000);
    await eventually(() => crew.starts().length === 1);
    victim.signal("SIGKILL");
    await victim.ended;
    const rescuer = await crew.hire();
    const { exception } = await task.result({ timeout: "10s" });
    assertStringIncludes(exception!.message, "was given up after 1 try");
    assertEquals(crew.starts().length, 1);
    rescuer.signal("SIGTERM");
    assertEquals(await rescuer.ended, 0);
    await stage.assertClean(worker);
  });

  it("by its own task, on every run, ends with that task given up; the others complete", async () => {
    const { worker, options, work, deadly } = await producer();
    await using crew = new Crew({ ...options, idleTimeout: 300, concurrency: 4 });
    const bad = await deadly.enqueue();
    const good = await worker.enqueueMany(Array.from({ length: 20 }, () => work.enqueue(20)));
    let over = false;
    const given = bad.result().finally(() => over = true);
    while (!over) {
      const hand = await crew.hire();
      await Promise.race([hand.ended, given.catch(() => {})]);
    }
    assertStringIncludes((await given).exception!.message, "was given up after 3 tries");
    assertEquals(crew.starts(bad.id).length, 3);
    const results = await Promise.all(good.map((task) => task.result({ timeout: "20s" })));
    assert(results.every(({ success }) => success));
  });

  it("by its own task, on every run, does not use up the tries of those that run beside it", async () => {
    const { worker, options, steady, deadly } = await producer();
    await using crew = new Crew({ ...options, idleTimeout: 300, concurrency: 8 });
    const [bad, ...good] = await worker.enqueueMany([
      deadly.enqueue(),
      ...Array.from({ length: 7 }, () => steady.enqueue(150)),
    ]);
    let over = false;
    const given = bad!.result().finally(() => over = true);
    while (!over) {
      const hand = await crew.hire();
      await Promise.race([hand.ended, given.catch(() => {})]);
    }
    assertEquals((await given).success, false);
    const results = await Promise.all(good.map((task) => task.result({ timeout: "20s" })));
    assertEquals(results.map(({ success }) => success), good.map(() => true));
    assert(results.some(({ tries }) => tries > 1), "they ran beside it");
  });

  it("by its own task without a limit of tries, ends with it given up after 5 crashes", async () => {
    const { worker, options, endless } = await producer();
    await using crew = new Crew({ ...options, idleTimeout: 300 });
    const bad = await endless.enqueue();
    let over = false;
    const given = bad.result().finally(() => over = true);
    while (!over) {
      const hand = await crew.hire();
      await Promise.race([hand.ended, given.catch(() => {})]);
    }
    assertStringIncludes(
      (await given).exception!.message,
      "was given up after 5 runs that were cut off with their worker",
    );
    assertEquals(crew.starts(bad.id).length, 5);
    await stage.assertClean(worker);
  });

  it("while it holds the lock of a unique task, lets that task be run again, and no other beside it", async () => {
    const { options, alone } = await producer();
    await using crew = new Crew({ ...options, idleTimeout: 1000 });
    const victim = await crew.hire();
    const task = await alone.enqueue(1500);
    await eventually(() => crew.starts().length === 1);
    const rescuer = await crew.hire();
    victim.signal("SIGKILL");
    await victim.ended;
    const beside = await alone.enqueue(10);
    assertStringIncludes((await beside.result({ timeout: "5s" })).exception!.message, task.id);
    assertEquals((await task.result({ timeout: "10s" })).tries, 2);
    assertEquals(crew.notes.filter(({ taskId }) => taskId === beside.id), []);
    assertEquals((await (await alone.enqueue(10)).result({ timeout: "5s" })).success, true);
    rescuer.signal("SIGTERM");
    assertEquals(await rescuer.ended, 0);
  });

  it("every 300 ms, under 1,000 tasks: each has one result, and runs at most once more than it was killed", async () => {
    const { worker, options, work } = await producer();
    await using crew = new Crew({ ...options, idleTimeout: 1000, concurrency: 16 });
    const published = new Map<string, number>();
    const over = new AbortController();
    const tasks = await worker.enqueueMany(Array.from({ length: 1000 }, () => work.enqueue(5 + Math.random() * 40)));
    const listening = (async () => {
      const channels = tasks.map(({ id }) => `streaq:${worker.queueName}:channels:${id}`);
      for await (const { channel } of worker.redis.subscribe(channels, { signal: over.signal })) {
        const id = channel.slice(channel.lastIndexOf(":") + 1);
        published.set(id, (published.get(id) ?? 0) + 1);
      }
    })().catch(() => {});
    const results = Promise.all(tasks.map((task) => task.result()));
    let done = false;
    void results.then(() => done = true);
    let kills = 0;
    const hands = [await crew.hire(), await crew.hire()];
    while (!done && kills < 8) {
      await sleep(300);
      const victim = hands.shift()!;
      victim.signal("SIGKILL");
      kills++;
      await victim.ended;
      hands.push(await crew.hire());
    }
    const all = await results;
    assert(all.every(({ success }) => success));
    for (const { id } of tasks) assert(crew.starts(id).length <= 1 + kills);
    await eventually(() => assertEquals([...published.values()], tasks.map(() => 1)));
    over.abort();
    await listening;
    for (const hand of hands) {
      hand.signal("SIGTERM");
      assertEquals(await hand.ended, 0);
    }
    // The consumers of the killed are still there, without entries; the janitor of another day removes them.
    await stage.assertClean(worker);
  });
});

describe("a worker that is stopped", () => {
  it("hands back what is buffered and what does not end in time, for another to take at once", async () => {
    const { worker, options, work } = await producer();
    await using crew = new Crew({ ...options, concurrency: 2, prefetch: 10, gracePeriod: 300 });
    const first = await crew.hire();
    const long = await work.enqueue(60_000);
    const short = await work.enqueue(400);
    await eventually(() => crew.starts().length === 2);
    const waiting = await work.enqueue(1);
    first.signal("SIGTERM");
    const asked = Date.now();
    const second = await crew.hire();
    assertEquals(await first.ended, 0);
    assert(Date.now() - asked < 10_000);
    await eventually(() => crew.starts(long.id).length === 2, { timeout: 3000 });
    assertEquals(crew.starts(long.id).map(({ tries }) => tries), [1, 1]);
    const results = await Promise.all([short, waiting].map((task) => task.result({ timeout: "5s" })));
    assert(results.every(({ success, tries }) => success && tries === 1));
    second.signal("SIGTERM");
    assertEquals(await second.ended, 0);
    assertEquals(await worker.statusById(long.id), "queued");
  });

  it("ten times in a row over one long task costs it no try", async () => {
    const { options, work } = await producer();
    await using crew = new Crew({ ...options, concurrency: 1 });
    const task = await work.enqueue(3000);
    let previous: Awaited<ReturnType<Crew["hire"]>> | undefined;
    for (let restart = 0; restart < 10; restart++) {
      const next = await crew.hire();
      previous?.signal("SIGTERM");
      if (previous) assertEquals(await previous.ended, 0);
      await eventually(() => crew.starts(task.id).length === restart + 1);
      previous = next;
    }
    const result = await task.result({ timeout: "10s" });
    assertEquals([result.success, result.tries], [true, 1]);
    previous!.signal("SIGTERM");
    assertEquals(await previous!.ended, 0);
  });

  it("fails a task of maxTries 1, instead of handing it back", async () => {
    const { options, once } = await producer();
    await using crew = new Crew(options);
    const hand = await crew.hire();
    const task = await once.enqueue(60_000);
    await eventually(() => crew.starts().length === 1);
    hand.signal("SIGTERM");
    assertEquals(await hand.ended, 0);
    assertStringIncludes((await task.result()).exception!.message, "is shutting down");
  });

  it("ends at once on the second signal", async () => {
    for (const [signal, code] of [["SIGTERM", 143], ["SIGINT", 130]] as const) {
      const { options, work } = await producer();
      await using crew = new Crew({ ...options, gracePeriod: "60s" });
      const hand = await crew.hire();
      await work.enqueue(60_000);
      await eventually(() => crew.starts().length === 1);
      hand.signal(signal);
      await sleep(200);
      const asked = Date.now();
      hand.signal(signal);
      assertEquals(await hand.ended, code);
      assert(Date.now() - asked < 1000);
    }
  });

  it("leaves other code alone that ignores its signal, says so, and the process ends", async () => {
    const { worker, options } = await producer();
    await using crew = new Crew(options);
    const stubborn = worker.task(async (_ms: number) => await Promise.resolve(), { name: "stubborn" });
    const hand = await crew.hire();
    const task = await stubborn.enqueue(2000);
    await eventually(() => crew.starts().length === 1);
    hand.signal("SIGTERM");
    assertEquals(await hand.ended, 0);
    const next = await crew.hire();
    assertEquals((await task.result({ timeout: "10s" })).tries, 1);
    next.signal("SIGTERM");
    assertEquals(await next.ended, 0);
  });
});
