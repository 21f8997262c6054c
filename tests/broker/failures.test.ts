/** Failures that are kept: what both brokers must do. Each test runs on both. */
import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { systemClock } from "../../src/base/clock.ts";
import type { Broker } from "../../src/broker/contract/broker.ts";
import type { Completion } from "../../src/broker/contract/completing.ts";
import type { Consumer } from "../../src/broker/contract/consumer.ts";
import type { Revival } from "../../src/broker/contract/failures.ts";
import type { RecordReader } from "../../src/broker/contract/result.ts";
import type { NewTask } from "../../src/broker/contract/task.ts";
import { RedisBroker } from "../../src/broker/redis/redis_broker.ts";
import { MemoryRig, takingNew } from "./memory/rig.ts";
import { Scene } from "./scene.ts";

const [ttl, keep] = [60_000, 86_400_000];

/** A success begins with "ok". The failures of dependents are kept. */
const reader: RecordReader = {
  hasSucceeded: (_, result) => result.toString().startsWith("ok"),
  failDependent: (taskId, _data, failedId) => ({ result: `${taskId} failed with ${failedId}`, ttl, keep }),
};

/** A new queue with a worker. */
interface Rig {
  readonly broker: Broker;
  readonly consumer: Consumer;
  /** Lets the outcomes of tasks expire. */
  expire(taskIds: readonly string[]): Promise<void>;
  /** Lets a millisecond pass, by the clock of the broker. */
  tick(): Promise<void>;
}

const scene = new Scene();

async function redisRig(): Promise<Rig> {
  const { redis } = scene;
  const keys = await scene.newQueue();
  const options = { redis, ownsRedis: false, priorities: ["normal"], binary: false, reader, clock: systemClock };
  const broker = new RedisBroker({ ...options, queueName: keys.prefix.slice("streaq:".length) });
  const expire = async (ids: readonly string[]) => {
    await redis.command(["DEL", ...ids.flatMap((id) => [keys.result(id), keys.ended(id)])]);
  };
  const tick = async () => {
    const start = await broker.time();
    while (await broker.time() === start);
  };
  return { broker, consumer: await consumerOf(broker), expire, tick };
}

async function memoryRig(): Promise<Rig> {
  const { broker, clock } = new MemoryRig({ reader });
  const advance = async (ms: number) => await Promise.resolve(clock.advance(ms));
  return { broker, consumer: await consumerOf(broker), expire: () => advance(ttl), tick: () => advance(1) };
}

async function consumerOf(broker: Broker): Promise<Consumer> {
  const consumer = broker.consumer({ name: "one-00000000", priorities: ["normal"], idleTimeout: 60_000 });
  await consumer.membership.join({ workerId: "one", summary: "", versions: new Map() });
  return consumer;
}

function taskOf(id: string, after?: readonly string[]): NewTask {
  return { id, data: `data of ${id}`, priority: "normal", after };
}

/** Runs all queued tasks, and handles their dependents unless told otherwise; returns the ids of the tasks. */
async function runAll(
  { consumer }: Rig,
  outcome: Pick<Completion, "success"> & Partial<Completion>,
  { fansOut = true } = {},
): Promise<string[]> {
  const { deliveries } = await consumer.leasing.read(1000, takingNew);
  await consumer.leasing.start(deliveries);
  const result = outcome.success ? "ok" : "failed";
  const completions = deliveries.map((delivery) => ({ delivery, result, ttl, ...outcome }));
  assertEquals(await consumer.completing.finish(completions), deliveries.map(() => true));
  if (fansOut) { while ((await consumer.completing.fanOut()).unfinished); }
  return deliveries.map(({ taskId }) => taskId).sort();
}

/** Revivals of tasks, of which those in `after` depend on others. */
async function revivalsOf({ broker }: Rig, ids: readonly string[], after: Record<string, string[]> = {}) {
  return (await broker.failures.load(ids)).map((failure): Revival => {
    const { taskId, time } = failure!;
    return { taskId, time, after: after[taskId] ?? [] };
  });
}

const failed = { success: false, keep };

for (const [name, open] of [["Redis", redisRig], ["memory", memoryRig]] as const) {
  describe(`a failure that is kept by a broker on ${name}`, () => {
    it("is the same as before when it is loaded, with the task that failed first", async () => {
      const rig = await open();
      const { broker } = rig;
      await broker.publish([taskOf("root"), taskOf("middle", ["root"]), taskOf("tip", ["middle"])]);
      assertEquals(await runAll(rig, failed), ["root"]);
      const kept = await broker.failures.load(["tip", "none", "root"]);
      assertEquals(kept.map((failure) => failure && [failure.data, failure.failedWith, failure.result]), [
        ["data of tip", "root", "tip failed with root"],
        null,
        ["data of root", null, "failed"],
      ]);
      const companions = (await broker.failures.companions(["root", "middle"])).map((ids) => ids.sort());
      assertEquals(companions, [["middle", "tip"], []]);
    });

    it("takes back the dependents that are still to fail when its task is queued again", async () => {
      const rig = await open();
      const { broker } = rig;
      await broker.publish([taskOf("root"), taskOf("left", ["root"]), taskOf("right", ["root"])]);
      await runAll(rig, failed, { fansOut: false });
      assertEquals(await broker.failures.revive(await revivalsOf(rig, ["root"])), ["queued"]);
      assertEquals((await rig.consumer.completing.fanOut()).failed, 0);
      assertEquals([await broker.state("left"), await broker.failures.count()], ["scheduled", 0]);
      assertEquals(await runAll(rig, { success: true }), ["root"]);
      assertEquals(await runAll(rig, { success: true }), ["left", "right"]);
    });

    it("takes back only those of the task that is queued again", async () => {
      const rig = await open();
      const { broker } = rig;
      await broker.publish([taskOf("one"), taskOf("two"), taskOf("both", ["one", "two"]), taskOf("tip", ["one"])]);
      await runAll(rig, failed, { fansOut: false });
      assertEquals(await broker.failures.revive(await revivalsOf(rig, ["one"])), ["queued"]);
      assertEquals((await rig.consumer.completing.fanOut()).failed, 1);
      assertEquals([await broker.state("both"), await broker.state("tip")], ["done", "scheduled"]);
      assertEquals(await runAll(rig, { success: true }), ["one"]);
      assertEquals(await runAll(rig, { success: true }), ["tip"]);
      // That is one of the dependencies of this one.
      const after = { both: ["one", "two"] };
      assertEquals(await broker.failures.revive(await revivalsOf(rig, ["two", "both"], after)), ["queued", "queued"]);
      assertEquals(await runAll(rig, { success: true }), ["two"]);
      assertEquals(await runAll(rig, { success: true }), ["both"]);
    });

    it("takes back no dependents that an earlier task with its id has released", async () => {
      const rig = await open();
      const { broker } = rig;
      // One more than the step that finishes the task releases itself.
      const below = Array.from({ length: 501 }, (_, n) => `below-${n}`);
      await broker.publish([taskOf("root"), ...below.map((id) => taskOf(id, ["root"]))]);
      assertEquals(await runAll(rig, { success: true }, { fansOut: false }), ["root"]);
      await rig.expire(["root"]);
      await broker.publish([taskOf("root")]);
      assertEquals(await runAll(rig, failed, { fansOut: false }), ["root"]);
      assertEquals(await broker.failures.revive(await revivalsOf(rig, ["root"])), ["queued"]);
      while ((await rig.consumer.completing.fanOut()).unfinished);
      assertEquals(await runAll(rig, { success: true }), [...below, "root"].sort());
    });

    it("is not undone in place of a later one, when the call is sent again after the task has failed again", async () => {
      const rig = await open();
      const { broker } = rig;
      await broker.publish([taskOf("task")]);
      await runAll(rig, failed);
      const revivals = await revivalsOf(rig, ["task"]);
      assertEquals(await broker.failures.revive(revivals), ["queued"]);
      assertEquals(await broker.failures.revive(revivals), ["exists"]);
      await rig.tick();
      await runAll(rig, failed);
      assertEquals(await broker.failures.revive(revivals), ["missing"]);
      assertEquals([await broker.state("task"), await broker.failures.count()], ["done", 1]);
      assertEquals(await broker.failures.revive(await revivalsOf(rig, ["task"])), ["queued"]);
    });

    it("lets no task run whose dependency was purged, though the outcome of that has expired", async () => {
      const rig = await open();
      const { broker } = rig;
      const after = { middle: ["root"], tip: ["middle"] };
      await broker.publish([taskOf("root"), taskOf("middle", ["root"]), taskOf("tip", ["middle"])]);
      await runAll(rig, failed);
      const [root, middle, tip] = await revivalsOf(rig, ["root", "middle", "tip"], after);
      assertEquals(await broker.failures.purge(["middle"]), 1);
      assertEquals(await broker.failures.revive([tip!]), ["blocked"]);
      await rig.expire(["root", "middle", "tip"]);
      assertEquals(await broker.failures.revive([root!, middle!, tip!]), ["queued", "missing", "blocked"]);
      assertEquals([await runAll(rig, { success: true }), await runAll(rig, { success: true })], [["root"], []]);
    });

    it("lets a task run whose dependencies have succeeded, though their outcomes have expired", async () => {
      const rig = await open();
      const { broker } = rig;
      const after = { tip: ["one", "two"] };
      await broker.publish([taskOf("one"), taskOf("tip", ["one"])]);
      await runAll(rig, { success: true });
      await runAll(rig, failed);
      await rig.expire(["one", "two", "tip"]);
      assertEquals(await broker.failures.revive(await revivalsOf(rig, ["tip"], after)), ["queued"]);
      assertEquals(await runAll(rig, { success: true }), ["tip"]);
    });

    it("comes back with the task that it is blocked by, after the one that it failed with has succeeded", async () => {
      const rig = await open();
      const { broker } = rig;
      const after = { tip: ["one", "two"] };
      await broker.publish([taskOf("one"), taskOf("two"), taskOf("tip", ["one", "two"])]);
      await runAll(rig, failed);
      const blocker = (await broker.failures.load(["tip"]))[0]!.failedWith!;
      const other = blocker === "one" ? "two" : "one";
      assertEquals(await broker.failures.revive(await revivalsOf(rig, [blocker, "tip"], after)), ["queued", "blocked"]);
      assertEquals(await runAll(rig, { success: true }), [blocker]);
      assertEquals(await broker.failures.companions([other]), [["tip"]]);
      await rig.expire(["one", "two", "tip"]);
      assertEquals(await broker.failures.revive(await revivalsOf(rig, [other, "tip"], after)), ["queued", "queued"]);
      assertEquals([await runAll(rig, { success: true }), await runAll(rig, { success: true })], [[other], ["tip"]]);
      assertEquals(await broker.failures.companions(["one", "two"]), [[], []]);
    });

    it("is dropped by a later task with its id that fails with a dependency and is not kept", async () => {
      const rig = await open();
      const { broker } = rig;
      await broker.publish([taskOf("task"), taskOf("late")]);
      await runAll(rig, failed);
      await rig.expire(["task", "late"]);
      await broker.publish([taskOf("root"), taskOf("task", ["root"])]);
      // The failure of the root is not kept, so neither are those of its dependents.
      assertEquals(await runAll(rig, { success: false }), ["root"]);
      await broker.publish([taskOf("late", ["root"])]);
      assertEquals([await broker.state("task"), await broker.state("late")], ["done", "done"]);
      assertEquals([await broker.failures.list(), await broker.failures.load(["task", "late"])], [[], [null, null]]);
    });
  });
}
