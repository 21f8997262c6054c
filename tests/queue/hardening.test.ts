import { describe, it } from "node:test";
import process from "node:process";
import { assert, assertEquals } from "@std/assert";
import { systemClock } from "../../src/base/clock.ts";
import { BlockingConnection } from "../../src/broker/blocking_connection.ts";
import type { Delivery, Ending } from "../../src/broker/broker.ts";
import { Keys } from "../../src/broker/keys.ts";
import { begin } from "../../src/broker/scripts/begin.ts";
import { finish } from "../../src/broker/scripts/finish.ts";
import { leave } from "../../src/broker/scripts/leave.ts";
import { publish } from "../../src/broker/scripts/publish.ts";
import { fromBeginning, read } from "../../src/broker/scripts/read.ts";
import { RedisConsumer } from "../../src/broker/redis_consumer.ts";
import { start } from "../../src/broker/scripts/start.ts";
import { Worker } from "../../src/queue/worker.ts";
import { createClient, type RedisClient, ReplyError } from "../../src/redis/mod.ts";
import { eventually } from "../support/poll.ts";
import { Lines, running, sleep, Stage } from "./stage.ts";

const stage = new Stage();

/** How a promise settles, or that it has not after some time. */
async function settled(promise: Promise<unknown>, ms: number): Promise<"resolved" | "rejected" | "pending"> {
  const outcome = promise.then(() => "resolved" as const, () => "rejected" as const);
  return await Promise.race([outcome, sleep(ms).then(() => "pending" as const)]);
}

/** Something to open once. */
function gate() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => open = resolve);
  return { open, opened };
}

/** Tasks of a stream leased by a consumer that is nobody's. */
async function leaseElsewhere(redis: RedisClient, queueName: string, priority: string, count: number) {
  const stream = `streaq:${queueName}:queues:${priority}`;
  const group = redis.command(["XGROUP", "CREATE", stream, "workers", "0", "MKSTREAM"]);
  await group.catch(() => {});
  const reply = await redis.command<Map<string, [string, string[]][]>>([
    "XREADGROUP",
    "GROUP",
    "workers",
    "elsewhere",
    "COUNT",
    count,
    "STREAMS",
    stream,
    ">",
  ]);
  return reply.get(stream)!.map(([entry]) => entry);
}

/** Scripts on a queue of one priority, as one consumer. */
async function rig(ids: readonly string[]) {
  const { redis, queueName } = await stage.worker();
  const keys = new Keys(queueName);
  await redis.command(["XGROUP", "CREATE", keys.stream("normal"), "workers", "0", "MKSTREAM"]);
  for (let i = 0; i < ids.length; i += 500) {
    await publish(redis, keys, ids.slice(i, i + 500).map((id) => ({ id, priority: "normal", data: "data" })));
  }
  const consumer = (name: string) => ({ name, priorities: ["normal"], idleTimeout: 60_000 });
  return {
    redis,
    keys,
    consumer,
    lease: async (name: string, takeover = false): Promise<Delivery[]> => {
      const options = { held: [], cursors: takeover ? fromBeginning(["normal"]) : new Map<string, string>() };
      return (await read(redis, keys, consumer(name), ids.length, options)).deliveries;
    },
  };
}

describe("the reader", () => {
  it("takes an idleTimeout that is odd", async () => {
    const lines = new Lines();
    const worker = await stage.worker({ idleTimeout: 1001, logger: lines });
    const run = running(worker);
    await sleep(300);
    await run.stop();
    assertEquals(lines.with("Reading from the queue failed"), []);
  });

  it("ends a burst however much other workers hold", async () => {
    const worker = await stage.worker();
    const job = worker.task(() => 1, { name: "job" });
    await worker.enqueueMany(Array.from({ length: 450 }, () => job.enqueue()));
    await leaseElsewhere(worker.redis, worker.queueName, "normal", 450);
    assertEquals(await settled(worker.run({ burst: true }), 3000), "resolved");
  });

  it("looks for leases that ran out once through all streams, not until all of them end at the same time", async () => {
    const priorities = ["low", "middle", "high"];
    const worker = await stage.worker({ priorities });
    const job = worker.task(() => 1, { name: "job" });
    for (const [i, count] of [650, 850, 1050].entries()) {
      const priority = priorities[i]!;
      await worker.enqueueMany(Array.from({ length: count }, () => job.enqueue().start({ priority })));
      await leaseElsewhere(worker.redis, worker.queueName, priority, count);
    }
    await worker.redis.command(["CONFIG", "RESETSTAT"]);
    const run = running(worker);
    await sleep(1500);
    const stats = await worker.redis.command<string>(["INFO", "commandstats"]);
    const [, calls] = /cmdstat_evalsha:calls=(\d+)/.exec(stats)!;
    await run.stop();
    // 11 pages of the longest stream, twice as the subscription is confirmed, and a few calls of other kinds.
    assert(Number(calls) < 60, `${calls} calls`);
  });

  it("takes at once what was handed back behind the place that its search had come to", async () => {
    const worker = await stage.worker({ concurrency: 1, prefetch: 0 });
    const { redis, queueName } = worker;
    const [first, second] = [gate(), gate()];
    const job = worker.task(async (n: number) => await (n === 1 ? first : second).opened, { name: "job" });
    const tasks = await worker.enqueueMany([0, 1, 2].map((n) => job.enqueue(n)));
    const entries = await leaseElsewhere(redis, queueName, "normal", 3);
    const handBack = async (entry: string) => {
      const stream = `streaq:${queueName}:queues:normal`;
      await redis.command(["XCLAIM", stream, "workers", "released", 0, entry, "IDLE", 100_000_000, "JUSTID"]);
      await redis.command(["PUBLISH", `streaq:${queueName}:ts:wake`, "released"]);
    };
    await handBack(entries[1]!);
    const run = running(worker);
    await eventually(() => worker.running === 1);
    second.open();
    await sleep(200);
    await handBack(entries[0]!);
    await sleep(200);
    first.open();
    assertEquals(await settled(tasks[0]!.result(), 5000), "resolved");
    await run.stop();
  });
});

describe("as many slots as anybody may want", () => {
  it("are filled: 4,100 tasks start at once", async () => {
    const worker = await stage.worker({ concurrency: 4100, prefetch: 0 });
    const { open, opened } = gate();
    let runs = 0;
    const job = worker.task(async () => {
      runs++;
      await opened;
    }, { name: "job", silent: true });
    await worker.enqueueMany(Array.from({ length: 4100 }, () => job.enqueue()));
    const run = running(worker);
    await eventually(() => runs === 4100, { timeout: 10_000 }).finally(open);
    await run.stop();
  });

  it("are kept: more leases than Lua unpacks are renewed", async () => {
    const { redis, keys, consumer, lease } = await rig(Array.from({ length: 8100 }, (_, i) => `task-${i}`));
    const deliveries = await lease("one");
    assertEquals(deliveries.length, 8100);
    const holder = new RedisConsumer(redis, keys, { ...consumer("one"), binary: false, clock: systemClock });
    const { lost } = await holder.renew(deliveries, { workerId: "one", summary: "" });
    assertEquals(lost, []);
  });
});

describe("a wait for a result", () => {
  it("is given up, as a first operation, when there is no Redis or it refuses the credentials", async () => {
    const redisOptions = { connectTimeout: 300 };
    const { url } = await stage.server;
    for (const redisUrl of ["redis://127.0.0.1:1", url.replace("//", "//nobody:wrong@")]) {
      await using worker = new Worker({ redisUrl, redisOptions, handleSignals: false, logger: new Lines() });
      assertEquals(await settled(worker.resultById("task"), 2000), "rejected", redisUrl);
    }
  });

  it("is given up when the client is closed that the worker was given", async () => {
    const redis = createClient((await stage.server).url);
    const worker = await stage.worker({ redis });
    const task = await worker.task(() => 1, { name: "one" }).enqueue();
    const waiting = settled(task.result(), 3000);
    await sleep(100);
    await redis.close();
    assertEquals(await waiting, "rejected");
  });

  it("is refused after close(), however often it is asked for", async () => {
    const worker = await stage.worker();
    const task = await worker.task(() => 1, { name: "one" }).enqueue();
    await worker.close();
    for (let time = 0; time < 2; time++) assertEquals(await settled(task.result(), 1000), "rejected");
  });
});

describe("what users bring along", () => {
  it("may throw errors whose stack is no text: they are logged, and nothing else happens", async () => {
    const lines = new Lines();
    const worker = await stage.worker({ logger: lines });
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    const thrown: unknown[] = [
      proxy,
      Object.assign(new Error("one"), { stack: ["a", "b"] }),
      Object.defineProperty(new Error("two"), "stack", {
        get: () => {
          throw new Error("gotcha");
        },
      }),
    ];
    const fail = worker.task((i: number) => {
      throw thrown[i];
    }, { name: "fail" });
    await worker.enqueueMany([fail.enqueue(0), fail.enqueue(1), fail.enqueue(2)]);
    const unhandled: unknown[] = [];
    const note = (reason: unknown) => unhandled.push(reason);
    process.on("unhandledRejection", note);
    await worker.run({ burst: true });
    await sleep(20);
    process.off("unhandledRejection", note);
    assertEquals([unhandled, lines.with("×").length], [[], 3]);
  });

  it("may be a logger that throws: tasks end all the same", async () => {
    const fail = () => {
      throw new Error("disk full");
    };
    const worker = await stage.worker({ logger: { debug: fail, info: fail, warn: fail, error: fail } });
    const task = await worker.task(() => 1, { name: "one" }).enqueue();
    assertEquals(await settled(worker.run({ burst: true }), 3000), "resolved");
    assertEquals((await task.result()).result, 1);
  });

  it("may be a serializer that makes nothing of one result: the results beside it are stored", async () => {
    const worker = await stage.worker({
      serializer: {
        serialize(value) {
          const text = JSON.stringify(value);
          return /"r":"nothing"|"s":false/.test(text) ? undefined as unknown as string : text;
        },
        deserialize: (data) => JSON.parse(new TextDecoder().decode(data)),
      },
    });
    const echo = worker.task((text: string) => text, { name: "echo" });
    const tasks = await worker.enqueueMany(["good", "nothing", "good"].map((text) => echo.enqueue(text)));
    const run = running(worker);
    const results = await Promise.all(tasks.map((task) => task.result({ timeout: "3s" })));
    assertEquals(results.map(({ success }) => success), [true, false, true]);
    await run.stop();
  });

  it("may be a first batch that is larger than what waits for a connection", async () => {
    const worker = await stage.worker();
    const job = worker.task((_text: string) => {}, { name: "job" });
    const text = "x".repeat(1_000_000);
    const tasks = await worker.enqueueMany(Array.from({ length: 70 }, () => job.enqueue(text)));
    assertEquals(await tasks[69]!.status(), "queued");
    await worker.redis.command(["FLUSHALL"]);
  });
});

describe("a result that Redis refuses for good", () => {
  it("holds up none of those beside it", async () => {
    const { redis, keys, consumer, lease } = await rig(["one", "two", "three", "four"]);
    const deliveries = await lease("one");
    const picky = {
      listen: redis.listen.bind(redis),
      command: (args: Parameters<RedisClient["command"]>[0]) =>
        args.includes("poison") ? Promise.reject(new ReplyError("ERR not that one")) : redis.command(args),
    } as unknown as RedisClient;
    const holder = new RedisConsumer(picky, keys, { ...consumer("one"), binary: false, clock: systemClock });
    const endings = deliveries.map((delivery, i) => (
      { delivery, success: true, result: i === 2 ? "poison" : "fine", ttl: 60_000 }
    ));
    const [first, second, third, fourth] = await holder.finish(endings);
    assertEquals([first, second, fourth], [true, true, true]);
    assertEquals(String(third), "ReplyError: ERR not that one");
  });
});

describe("an end that is on its way to the store", () => {
  it("is not counted as lost", async () => {
    const lines = new Lines();
    const worker = await stage.worker({ idleTimeout: 100, concurrency: 4, logger: lines });
    const job = worker.task(async () => {
      await sleep(1);
      // The next sign of life is due as soon as the event loop goes on.
      for (const until = Date.now() + 60; Date.now() < until;);
    }, { name: "job", silent: true });
    const tasks = await worker.enqueueMany(Array.from({ length: 12 }, () => job.enqueue()));
    const run = running(worker);
    await Promise.all(tasks.map((task) => task.result()));
    await run.stop();
    assertEquals([worker.counters.completed, worker.counters.relinquished], [12, 0]);
    assertEquals(lines.with("another worker"), []);
  });
});

describe("the script", () => {
  it("finish answers the same when it is sent twice, whatever the ttl", async () => {
    const { redis, keys, lease } = await rig(["brief"]);
    const [delivery] = await lease("one");
    await start(redis, keys, "one", [delivery!], { binary: false });
    const ending: Ending = { delivery: delivery!, success: true, result: "result", ttl: 0 };
    assertEquals(await finish(redis, keys, "one", [ending]), [true]);
    assertEquals(await finish(redis, keys, "one", [ending]), [true]);
  });

  it("finish ends the others when the result of one is a key of the wrong type", async () => {
    const { redis, keys, lease } = await rig(["one", "two", "three"]);
    const deliveries = await lease("one");
    await redis.command(["XACK", keys.stream("normal"), "workers", deliveries[1]!.entryId]);
    await redis.command(["LPUSH", keys.result("two"), "x"]);
    const endings = deliveries.map((delivery) => ({ delivery, success: true, result: "result", ttl: 60_000 }));
    assertEquals(await finish(redis, keys, "one", endings), [true, false, true]);
    assertEquals(await redis.command(["EXISTS", keys.data("one"), keys.data("three")]), 0);
  });

  it("leave costs no try what was started behind a read whose answer got lost", async () => {
    const { redis, keys, consumer, lease } = await rig(["task"]);
    await lease("one");
    await begin(redis, keys, consumer("one"), 1, new Map(), { binary: false, timeout: 5000 });
    await leave(redis, keys, consumer("one"), "one");
    const deliveries = await lease("two", true);
    assertEquals(await start(redis, keys, "two", deliveries, { binary: false }), [{ tries: 1, data: "data" }]);
  });

  it("begin marks nothing that is discarded afterwards", async () => {
    const worker = await stage.worker();
    const { redis, queueName } = worker;
    const run = running(worker);
    const stream = `streaq:${queueName}:queues:normal`;
    await eventually(async () => (await redis.command<string>(["CLIENT", "LIST"])).includes("flags=b"));
    await redis.command(["XADD", stream, "*", "task_id", "task", "enqueue_time", "soon"]);
    await eventually(async () => await redis.command(["XLEN", stream]) === 0);
    await run.stop();
    assertEquals(await redis.command(["EXISTS", `streaq:${queueName}:ts:running`]), 0);
  });
});

describe("a connection", () => {
  it("for blocking reads is not used any more when it was closed before it was there", async () => {
    const { redis, queueName } = await stage.worker();
    const { open, opened } = gate();
    const slow = {
      command: redis.command.bind(redis),
      dedicated: async () => {
        await opened;
        return await redis.dedicated();
      },
    } as unknown as RedisClient;
    const key = `streaq:${queueName}:queues:normal`;
    await redis.command(["XGROUP", "CREATE", key, "workers", "0", "MKSTREAM"]);
    const blocking = new BlockingConnection(slow, { clock: systemClock, onKilled: () => {} });
    const command = ["XREADGROUP", "GROUP", "workers", "gone", "BLOCK", 2000, "STREAMS", key, ">"] as const;
    const reading = settled(blocking.read(command, 2000, async () => await Promise.resolve()), 5000);
    await blocking.close();
    open();
    assertEquals(await settled(reading, 1000), "resolved");
    await redis.command(["XADD", key, "*", "task_id", "task"]);
    assertEquals((await redis.command<[number]>(["XPENDING", key, "workers"]))[0], 0);
    assertEquals(await reading, "rejected");
  });

  it("for subscriptions knows a channel again that was left just before the connection was lost", async () => {
    const { url } = await stage.server;
    await using client = createClient(url);
    await using other = createClient(url);
    let subscribed = 0;
    const listener = { message: () => {}, subscribed: () => void subscribed++ };
    const stop = client.listen("hardening", listener);
    await eventually(() => subscribed === 1);
    stop();
    await other.command(["CLIENT", "KILL", "TYPE", "pubsub"]);
    await sleep(20);
    client.listen("hardening", listener);
    await eventually(() => subscribed === 2);
  });
});
