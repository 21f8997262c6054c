/**
 * Compares the scripts with a model, over random interleavings of three workers. The workers send scripts twice, act on
 * lost leases, crash and leave, so races for a lease show without any timing.
 */
import process from "node:process";
import { after, before, describe, it } from "node:test";
import fc from "fast-check";
import { createClient, type RedisClient } from "../../src/redis/mod.ts";
import { type RedisServer, startRedis } from "../support/redis_server.ts";

import { Rig } from "./model.ts";
import { step } from "./steps.ts";

describe("the scripts", () => {
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
    // With few tasks and many steps, the workers compete for the same tasks.
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 40, maxLength: 80 }), async (steps) => {
        const rig = new Rig(redis, `model-${queues++}`);
        await rig.open();
        for (const step of steps) {
          await rig.take(step);
          await rig.check();
        }
        await rig.drain();
      }),
      { numRuns: Number(process.env["STREAQ_RUNS"] ?? 60) },
    );
  });
});
