/** Every method of a producer or an observer survives a connection that is cut under it. */
import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { systemClock } from "../../../src/base/clock.ts";
import type { Broker } from "../../../src/broker/contract/broker.ts";
import type { Failures } from "../../../src/broker/contract/failures.ts";
import type { NewSchedule, Occurrence } from "../../../src/broker/contract/schedule.ts";
import type { NewTask } from "../../../src/broker/contract/task.ts";
import { Keys } from "../../../src/broker/redis/keys.ts";
import { RedisBroker } from "../../../src/broker/redis/redis_broker.ts";
import { finish } from "../../../src/broker/redis/scripts/end/finish.ts";
import { read } from "../../../src/broker/redis/scripts/lease/read.ts";
import { createClient, type RedisClient } from "../../../src/redis/mod.ts";
import { type Side, startProxy, type TcpProxy } from "../../support/tcp_proxy.ts";
import { Scene } from "../scene.ts";

const scene = new Scene();

const hour = 3_600_000;
const ttl = 60_000;

/** The tested methods: all but opening a consumer, which sends nothing, and closing. */
type Method =
  | Exclude<
    keyof Broker,
    "unref" | "redis" | "idPrefix" | "failures" | "consumer" | "close" | typeof Symbol.asyncDispose
  >
  | `failures.${keyof Failures & string}`;

/** Calls a method, and returns what shows that it has succeeded: a broker without a proxy looks at what is stored. */
type Call = (broker: Broker, observer: Broker) => Promise<unknown>;

/** In a queue with a queued, a delayed, a finished and a failed task and a schedule. */
const calls: Readonly<Record<Method, readonly [call: Call, expected: unknown]>> = {
  connect: [(broker) => broker.connect(), undefined],
  publish: [async (broker, observer) => {
    await broker.publish([taskOf("new")]);
    return await observer.state("new");
  }, "queued"],
  time: [async (broker) => await broker.time() > 0, true],
  schedule: [async (broker, observer) => {
    await broker.schedule(scheduleOf("hourly"), firstOf("hourly"));
    return await namesOf(observer);
  }, ["daily", "hourly"]],
  unschedule: [async (broker, observer) => {
    return [await broker.unschedule("daily", { withdraw: true }), await namesOf(observer)];
  }, [true, []]],
  state: [(broker) => broker.state("delayed"), "scheduled"],
  find: [async (broker) => (await broker.find("delayed", { relatives: 1 }))?.data, "data"],
  results: [(broker) => broker.results(["finished", "queued"]), ["result", null]],
  result: [(broker) => broker.result("finished"), "result"],
  abort: [async (broker, observer) => {
    const isAborted = await broker.abort({ taskId: "queued", result: "aborted", ttl, mark: "mark" });
    return [isAborted, await observer.result("queued")];
  }, [true, "aborted"]],
  list: [async (broker) => (await broker.list("queued", { limit: 10 })).map(({ taskId }) => taskId), ["queued"]],
  recent: [(broker) => broker.recent(10), [["finished", "result"]]],
  size: [(broker) => broker.size({ includeScheduled: true }), 3],
  schedules: [(broker) => namesOf(broker), ["daily"]],
  "failures.list": [async ({ failures }) => (await failures.list()).map(({ taskId }) => taskId).sort(), [
    "below",
    "failed",
  ]],
  "failures.count": [({ failures }) => failures.count(), 2],
  "failures.load": [async ({ failures }) => {
    return (await failures.load(["below", "none"])).map((failure) => failure?.failedWith);
  }, ["failed", undefined]],
  "failures.companions": [({ failures }) => failures.companions(["failed", "none"]), [["below"], []]],
  "failures.revive": [async (broker, observer) => {
    const kept = await observer.failures.load(["failed", "below"]);
    const [failed, below] = kept.map((failure) => ({ ...failure!, after: [] }));
    const answers = await broker.failures.revive([failed!, { ...below!, after: ["failed"] }]);
    return [answers, await observer.state("failed"), await observer.state("below"), await observer.failures.count()];
  }, [["queued", "queued"], "queued", "scheduled", 0]],
  "failures.purge": [async (broker, observer) => {
    return [await broker.failures.purge(["failed", "below", "none"]), await observer.failures.count()];
  }, [2, 0]],
};

describe("RedisBroker", () => {
  for (const side of ["client", "server"] as const) {
    const lost = side === "client" ? "command" : "reply";
    for (const [method, [call, expected]] of Object.entries(calls)) {
      it(`${method}() succeeds when the connection is cut and its ${lost} is lost`, async () => {
        await withBrokers(async ({ broker, observer, proxy }) => {
          if (method !== "connect") await broker.connect();
          const accepted = proxy.accepted;
          proxy.cutAfter(1, side);
          assertEquals(await call(broker, observer), expected);
          // A connection that is opened by the call itself does not count.
          const isFirst = method === "connect" || method === "result";
          assert(proxy.accepted > accepted + Number(isFirst), `${method}() has connected again`);
        });
      });
    }

    it(`publish() stores each of many tasks once when a ${lost} is lost`, async () => {
      await assertPublishes(side, Array.from({ length: 3000 }, (_, n) => taskOf(`task-${n}`)));
    });

    it(`publish() stores each task with dependencies once when a ${lost} is lost`, async () => {
      const tasks = Array.from({ length: 600 }, (_, n) => {
        return { ...taskOf(`task-${n}`), after: n === 0 ? ["queued", "delayed"] : [`task-${n - 1}`] };
      });
      await assertPublishes(side, tasks);
    });
  }

  it("result() returns the result of a task that finishes while the connections are cut", async () => {
    await withBrokers(async ({ broker, observer, proxy }) => {
      const result = broker.result("queued");
      await broker.state("queued");
      proxy.cut();
      await observer.abort({ taskId: "queued", result: "aborted", ttl, mark: "mark" });
      assertEquals(await result, "aborted");
    });
  });
});

async function assertPublishes(side: Side, tasks: readonly NewTask[]): Promise<void> {
  await withBrokers(async ({ broker, observer, proxy }) => {
    await broker.connect();
    const [accepted, size] = [proxy.accepted, await observer.size({ includeScheduled: true })];
    proxy.cutAfter(1, side);
    const answers = await broker.publish(tasks);
    assertEquals(answers.filter((answer) => answer instanceof Error), []);
    assertEquals(await observer.size({ includeScheduled: true }), size + tasks.length);
    assert(proxy.accepted > accepted, "publish() has connected again");
  });
}

/** Two brokers of a new queue: one behind a proxy, and an observer with a connection that nothing cuts. */
async function withBrokers(
  use: (brokers: { broker: Broker; observer: Broker; proxy: TcpProxy }) => Promise<void>,
): Promise<void> {
  await using proxy = await startProxy(scene.server.port);
  await using redis = createClient(`redis://127.0.0.1:${proxy.port}`);
  const queueName = (await scene.newQueue()).prefix.slice("streaq:".length);
  await using observer = brokerOn(scene.redis, queueName);
  await using broker = brokerOn(redis, queueName);
  await failTasks(observer, new Keys(queueName));
  await observer.publish([taskOf("queued"), taskOf("finished"), { ...taskOf("delayed"), due: hour }]);
  await observer.abort({ taskId: "finished", result: "result", ttl, mark: "mark" });
  await observer.schedule(scheduleOf("daily"), firstOf("daily"));
  await use({ broker, observer, proxy });
}

/** Fails the tasks `failed` and, with it, `below`. Their failures are kept, but not as results. */
async function failTasks(observer: Broker, keys: Keys): Promise<void> {
  await observer.publish([taskOf("failed")]);
  const search = { known: [], quarantined: 1, dead: [], cursors: new Map<string, string>() };
  const { deliveries } = await read(scene.redis, keys, { name: "worker", priorities: ["normal"] }, 1, search);
  const failure = { success: false, result: "failed", ttl: 0, keep: hour };
  await finish(scene.redis, keys, "worker", deliveries.map((delivery) => ({ delivery, ...failure })));
  await observer.publish([{ ...taskOf("below"), after: ["failed"] }]);
}

function brokerOn(redis: RedisClient, queueName: string): RedisBroker {
  const reader = { hasSucceeded: () => true, failDependent: () => ({ result: "failed", ttl: 0, keep: hour }) };
  const options = { priorities: ["normal"], binary: false, reader, clock: systemClock };
  return new RedisBroker({ ...options, redis, ownsRedis: false, queueName });
}

function taskOf(id: string): NewTask {
  return { id, data: "data", priority: "normal" };
}

function scheduleOf(name: string): NewSchedule {
  return { name, isStatic: false, expression: "0 0 * * *", timeZone: "UTC", priority: "normal", data: "data" };
}

function firstOf(name: string): Occurrence {
  return { taskId: name, data: "data", time: Date.now() + hour };
}

async function namesOf(broker: Broker): Promise<string[]> {
  return (await broker.schedules(10)).map(({ name }) => name).sort();
}
