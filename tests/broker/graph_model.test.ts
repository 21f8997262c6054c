/**
 * Compares the scripts about tasks that depend on each other with a model, over random interleavings of three workers.
 * The workers store dependencies, finish tasks and release or fail dependents. They send scripts twice, and act on old
 * replies.
 */
import process from "node:process";
import { after, before, describe, it } from "node:test";
import fc from "fast-check";
import { createClient, type RedisClient } from "../../src/redis/mod.ts";
import { type RedisServer, startRedis } from "../support/redis_server.ts";
import { GraphRig } from "./graph_rig.ts";
import { graphStep } from "./graph_steps.ts";

/** Number of interleavings. */
const runs = Number(process.env["STREAQ_RUNS"] ?? 60);

describe("the scripts about dependencies", () => {
  let server: RedisServer;
  let redis: RedisClient;
  let queues = 0;
  before(async () => {
    server = await startRedis();
    redis = createClient(server.url);
  });
  after(async () => {
    await redis.close();
    await server.stop();
  });

  it("agree with the model, in any order of steps", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(graphStep, { maxLength: 80, size: "max" }), async (steps) => {
        const rig = new GraphRig(redis, `graph-${queues++}`);
        await rig.open();
        for (const step of steps) {
          await rig.take(step);
          await rig.check();
        }
        await rig.drain();
        await redis.command(["FLUSHALL"]);
      }),
      { numRuns: runs },
    );
  });
});
