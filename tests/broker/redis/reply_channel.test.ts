/** A producer receives the results of its own tasks on one channel, and looks up only what it may have missed. */
import { describe, it } from "node:test";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { type Clock, systemClock } from "../../../src/base/clock.ts";
import { randomId } from "../../../src/base/id.ts";
import { TestClock } from "../../../src/base/test_clock.ts";
import type { Completion } from "../../../src/broker/contract/completing.ts";
import { Keys } from "../../../src/broker/redis/keys.ts";
import { ReplyChannel } from "../../../src/broker/redis/reply_channel.ts";
import { RedisBroker } from "../../../src/broker/redis/redis_broker.ts";
import { finish } from "../../../src/broker/redis/scripts/end/finish.ts";
import { type CommandArguments, createClient, type RedisClient } from "../../../src/redis/mod.ts";
import { eventually } from "../../support/poll.ts";
import { settled } from "../../support/promises.ts";
import { startProxy } from "../../support/tcp_proxy.ts";
import { Scene } from "../scene.ts";

const scene = new Scene();
const ttl = 60_000;
/** The commands of a renewal. */
const renewal: ReadonlySet<string> = new Set(["HSET", "PEXPIRE"]);
/** On a busy machine, no time passes for what is kept for a second. */
const clock: Clock = { ...systemClock, monotonic: () => 0 };

/** A producer with a client of its own, and the names of the commands that it has sent. */
async function withProducer(
  use: (all: {
    producer: RedisBroker;
    keys: Keys;
    commands: string[];
    /** Stores a task, and returns its id. */
    publish: () => Promise<string>;
    /** Opens the reply channel: waits for the result of a first task. */
    open: () => Promise<void>;
    /** Finishes the tasks that are queued. */
    finishAll: (options?: Partial<Completion>) => Promise<void>;
    /** Queues a failed task again. */
    revive: (id: string) => Promise<void>;
  }) => Promise<void>,
  { url = scene.server.url, binary = false }: { url?: string; binary?: boolean } = {},
): Promise<void> {
  const { keys, lease } = await scene.rig([]);
  await using redis = createClient(url);
  const commands: string[] = [];
  const producer = brokerOn(recording(redis, commands), keys, binary);
  const publish = async () => {
    const id = randomId(producer.idPrefix);
    await producer.publish([{ id, data: "data", priority: "normal" }]);
    return id;
  };
  const revive = async (id: string) => {
    const [failure] = await producer.failures.load([id]);
    const revival = { taskId: id, time: failure!.time, after: [] };
    assertEquals(await producer.failures.revive([revival]), ["queued"]);
  };
  const finishAll = async (options?: Partial<Completion>) => {
    const deliveries = await lease("worker");
    const all = deliveries.map((delivery) => ({ delivery, success: true, result: `of ${delivery.taskId}`, ttl }));
    await finish(scene.redis, keys, "worker", all.map((completion) => ({ ...completion, ...options })));
  };
  const open = async () => {
    const first = producer.result(await publish());
    await opened(keys);
    await finishAll();
    await first;
  };
  await use({ producer, keys, commands, publish, open, finishAll, revive });
  await producer.close();
}

function brokerOn(redis: RedisClient, { prefix }: Keys, binary: boolean, { ownsRedis = false } = {}): RedisBroker {
  const reader = { hasSucceeded: () => true, failDependent: () => ({ result: "failed", ttl }) };
  const options = { priorities: ["normal"], binary, reader, clock };
  return new RedisBroker({ ...options, redis, ownsRedis, queueName: prefix.slice("streaq:".length) });
}

function recording(redis: RedisClient, commands: string[]): RedisClient {
  return new Proxy(redis, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => {
        if (name === "command") commands.push(String((args[0] as CommandArguments)[0]));
        if (name === "listen") commands.push("listen");
        return value.apply(target, args);
      };
    },
  });
}

async function registrations(keys: Keys): Promise<Map<string, string>> {
  return await scene.redis.command<Map<string, string>>(["HGETALL", keys.producers]);
}

/** Waits until the results of tasks that are sent from now on arrive by themselves. */
async function opened(keys: Keys): Promise<void> {
  await eventually(async () => await scene.redis.command<number>(["HLEN", keys.producers]) === 1);
}

describe("a producer", () => {
  it("sends nothing but the task itself once its reply channel is open", async () => {
    await withProducer(async ({ producer, commands, publish, open, finishAll }) => {
      await open();
      commands.length = 0;
      for (let i = 0; i < 5; i++) {
        const id = await publish();
        const result = producer.result(id);
        await finishAll();
        assertEquals(await result, `of ${id}`);
      }
      // Every five seconds, it also renews its registration.
      assertEquals(commands.filter((name) => !renewal.has(name)), Array.from({ length: 5 }, () => "EVALSHA"));
    });
  });

  it("receives results as bytes where records are bytes", async () => {
    await withProducer(async ({ producer, keys, publish, finishAll }) => {
      const first = producer.result(await publish());
      await opened(keys);
      await finishAll({ result: "first é" });
      assertEquals(await first, new TextEncoder().encode("first é"));
      const second = producer.result(await publish());
      await finishAll({ result: "second é" });
      assertEquals(await second, new TextEncoder().encode("second é"));
    }, { binary: true });
  });

  it("takes no failure for the result of a task that was retried, though its message arrives late", async () => {
    for (const resultTtl of [ttl, 0]) {
      await withProducer(async ({ producer, keys, commands, publish, open, finishAll, revive }) => {
        await open();
        const failed = { success: false, result: "failed", ttl: resultTtl, keep: ttl };
        // One that nothing has waited for, and one that was awaited.
        const [early, awaited] = [await publish(), await publish()];
        const first = producer.result(awaited);
        await finishAll(failed);
        assertEquals(await first, "failed");
        for (const id of [early, awaited]) await revive(id);
        commands.length = 0;
        const results = [early, awaited].map((id) => producer.result(id));
        const late = [early, awaited].map((id) => `${id.length} 6 2 ${id}failed`).join("");
        const [name] = [...(await registrations(keys)).values()];
        assertEquals(await scene.redis.command(["PUBLISH", keys.replies(name!), late]), 1);
        // Each look takes two: the first one, and that because of the message.
        await eventually(() => assert(commands.filter((command) => command === "GET").length >= 8));
        await finishAll({ ttl: resultTtl });
        assertEquals(await Promise.all(results), [`of ${early}`, `of ${awaited}`]);
      });
    }
  });

  it("finds results that have arrived before it waits for them, except those that are not kept", async () => {
    await withProducer(async ({ producer, commands, publish, open, finishAll }) => {
      await open();
      const gone = await publish();
      await finishAll({ ttl: 0 });
      const kept = await publish();
      await finishAll();
      const last = producer.result(await publish());
      await finishAll();
      // Messages arrive in order.
      await last;
      commands.length = 0;
      assertEquals(await producer.result(kept), `of ${kept}`);
      assertEquals(commands.filter((name) => !renewal.has(name)), []);
      assertEquals(await producer.result(gone), null);
    });
  });

  it("receives results that are not kept, if it waits for them", async () => {
    await withProducer(async ({ producer, keys, publish, finishAll }) => {
      const results = [producer.result(await publish())];
      await opened(keys);
      results.push(producer.result(await publish()));
      await finishAll({ ttl: 0, result: "once" });
      assertEquals(await Promise.all(results), ["once", "once"]);
    });
  });

  it("looks up long results", async () => {
    await withProducer(async ({ producer, publish, open, finishAll }) => {
      await open();
      const id = await publish();
      const result = producer.result(id);
      await finishAll({ result: "é".repeat(5000) });
      assertEquals(await result, "é".repeat(5000));
    });
  });

  it("receives many results in one message, also those of tasks that it has sent before it was ready", async () => {
    await withProducer(async ({ producer, keys, publish, finishAll }) => {
      const ids = await Promise.all(Array.from({ length: 50 }, publish));
      const results = ids.map((id) => producer.result(id));
      await opened(keys);
      await finishAll();
      const late = await Promise.all(results.map((result) => settled(result, 20_000)));
      assertEquals(new Set(late), new Set(["resolved"]));
      assertEquals(await Promise.all(results), ids.map((id) => `of ${id}`));
    });
  });

  it("does not take a message that was published by hand for a result on any channel whose name shows", async () => {
    await withProducer(async ({ producer, keys, publish, finishAll }) => {
      const id = await publish();
      const result = producer.result(id);
      await opened(keys);
      const name = await scene.redis.command<string>(["HGET", keys.producers, producer.idPrefix]);
      assertMatch(name, /^[0-9a-f]{16}$/);
      assert(!id.includes(name), "an id does not show the name of the channel");
      for (const channel of [keys.channel(id), keys.replies(producer.idPrefix), keys.replies(id)]) {
        await scene.redis.command(["PUBLISH", channel, `32 5 1 ${id}wrong`]);
      }
      assertEquals(await settled(result, 100), "pending");
      await finishAll();
      assertEquals(await result, `of ${id}`);
    });
  });

  it("misses no result while its connection is lost", async () => {
    await using proxy = await startProxy(scene.server.port);
    await withProducer(async ({ producer, publish, open, finishAll }) => {
      await open();
      const id = await publish();
      const result = producer.result(id);
      proxy.refuse();
      proxy.cut();
      await finishAll();
      assertEquals(await settled(result, 100), "pending");
      await proxy.accept();
      assertEquals(await result, `of ${id}`);
    }, { url: `redis://127.0.0.1:${proxy.port}` });
  });

  it("registers again after its registration was lost", async () => {
    await withProducer(async ({ producer, keys, publish, open, finishAll }) => {
      await open();
      await scene.redis.command(["DEL", keys.producers]);
      const id = await publish();
      const result = producer.result(id);
      await finishAll();
      // The next renewal notices it.
      assertEquals(await result, `of ${id}`);
    });
  });

  it("looks up the result of a task that it may have failed to send", async () => {
    await withProducer(async ({ producer, open }) => {
      await open();
      const id = randomId(producer.idPrefix);
      const signal = AbortSignal.abort(new RangeError("enough"));
      await assertRejects(() => producer.publish([{ id, data: "data", priority: "normal" }], { signal }), RangeError);
      const result = producer.result(id);
      assertEquals(await settled(result, 8000), "resolved", "before it looks up everything that it waits for");
      assertEquals(await result, null);
    });
  });

  it("deletes its registration when it is closed together with its client", async () => {
    const { keys } = await scene.rig([]);
    const others = { [randomId()]: "other" };
    await scene.redis.command(["HSET", keys.producers, ...Object.entries(others).flat()]);
    const redis = createClient(scene.server.url);
    const producer = brokerOn(redis, keys, false, { ownsRedis: true });
    const id = randomId(producer.idPrefix);
    await producer.publish([{ id, data: "data", priority: "normal" }]);
    const result = settled(producer.result(id), 20_000);
    await eventually(async () => await scene.redis.command<number>(["HLEN", keys.producers]) === 2);
    await producer.close();
    assertEquals(await result, "rejected");
    const left = Object.fromEntries(await scene.redis.command<Map<string, string>>(["HGETALL", keys.producers]));
    assertEquals(left, others);
  });

  it("rejects each wait when no server can be reached", async () => {
    const { keys } = await scene.rig([]);
    await using redis = createClient("redis://127.0.0.1:1", { connectTimeout: 200 });
    // The hash tag spares the server a check, and the wait its connection.
    const producer = brokerOn(redis, new Keys(`{${keys.prefix.slice("streaq:".length)}}`), false);
    const id = randomId(producer.idPrefix);
    for (let time = 0; time < 3; time++) assertEquals(await settled(producer.result(id), 3000), "rejected");
    await producer.close();
  });

  it("deletes its registration when it is closed, and lets it expire when it dies", async () => {
    await withProducer(async ({ producer, keys, publish, finishAll }) => {
      const first = producer.result(await publish());
      await opened(keys);
      assert(await scene.redis.command<number>(["PTTL", keys.producers]) > 0);
      await finishAll();
      await first;
      await producer.close();
      await eventually(async () => await scene.redis.command<number>(["EXISTS", keys.producers]) === 0);
    });
  });

  it("deletes registrations of producers that died, while it renews its own", async () => {
    const { keys } = await scene.rig([]);
    await using redis = createClient(scene.server.url);
    const clock = new TestClock();
    let isOpen = false;
    const channel = new ReplyChannel(redis, keys, {
      clock,
      events: {
        hasWaiters: () => true,
        received: () => false,
        opened: () => void (isOpen = true),
        failed: () => {},
        closed: () => {},
      },
    });
    channel.open();
    await eventually(() => isOpen);
    let isListening = false;
    redis.listen(keys.replies("alive"), { message: () => {}, subscribed: () => void (isListening = true) });
    await eventually(() => isListening);
    const registrations = () => scene.redis.command<Map<string, string>>(["HGETALL", keys.producers]);
    const living = new Map([...await registrations(), ["tag-of-living", "alive"]]);
    await scene.redis.command(["HSET", keys.producers, ...[...living].flat(), "tag-of-dead", "dead"]);
    await clock.advance("20s");
    await eventually(async () => assertEquals(await registrations(), living));
    await channel.close();
  });
});
