/**
 * Tasks that depend on each other fail, are retried, purged and aborted in any order, on both brokers: a task runs only
 * when all of its dependencies have succeeded, a result changes only when its task is retried, and nothing is left.
 */
import process from "node:process";
import { describe, it } from "node:test";
import fc from "fast-check";
import { systemClock } from "../../src/base/clock.ts";
import { RedisBroker } from "../../src/broker/redis/redis_broker.ts";
import { keysOf } from "../queue/keyspace.ts";
import { assertEquals } from "@std/assert";
import { MemoryRig } from "./memory/rig.ts";
import { GraphWalk, reader } from "./graph_walk.ts";
import { walkStep } from "./graph_walk_steps.ts";
import { Scene } from "./scene.ts";

const scene = new Scene();
const runs = Number(process.env["STREAQ_RUNS"] ?? 40);

/** Takes random steps on new brokers, and checks after each of them, and at the end with `assertClean`. */
async function assertWalks(open: () => Promise<{ walk: GraphWalk; assertClean: () => Promise<void> }>): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.array(walkStep, { minLength: 40, maxLength: 80 }), async (steps) => {
      const { walk, assertClean } = await open();
      await walk.join();
      for (const step of steps) {
        await walk.take(step);
        await walk.check();
      }
      await walk.drain();
      await assertClean();
    }),
    { numRuns: runs },
  );
}

describe("tasks that are retried", () => {
  it("respect their dependencies on Redis, in any order of steps", async () => {
    const { redis } = scene;
    await assertWalks(async () => {
      const { prefix } = await scene.newQueue();
      const options = { redis, ownsRedis: false, priorities: ["normal"], binary: false, reader, clock: systemClock };
      const broker = new RedisBroker({ ...options, queueName: prefix.slice("streaq:".length) });
      const assertClean = async () => {
        const left = (await keysOf(redis, prefix)).map((key) => key.slice(prefix.length));
        const mayStay =
          /^:(queues:normal|task:results:.*|health:.*|ts:(ended:.*|results|priorities|purged:.*|workers|names))$/;
        assertEquals(left.filter((key) => !mayStay.test(key)), []);
        assertEquals(await redis.command(["XLEN", `${prefix}:queues:normal`]), 0);
      };
      return { walk: new GraphWalk(broker), assertClean };
    });
  });

  it("respect their dependencies on memory, in any order of steps", async () => {
    await assertWalks(() => {
      const { broker, queue } = new MemoryRig({ reader });
      const assertClean = () => {
        assertEquals([queue.budget.tasks, queue.dependencies.isListed, queue.lane("normal").size], [0, false, 0]);
        return Promise.resolve();
      };
      return Promise.resolve({ walk: new GraphWalk(broker), assertClean });
    });
  });
});
