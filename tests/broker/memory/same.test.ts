import process from "node:process";
import { after, before, describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { systemClock } from "../../../src/base/clock.ts";
import { openBroker } from "../../../src/broker/open.ts";
import { type RedisServer, startRedis } from "../../support/redis_server.ts";
import { Lines } from "../../queue/stage.ts";
import { reader } from "./rig.ts";
import { Side } from "./side.ts";
import { step } from "./steps.ts";

describe("the queue in memory and the queue on Redis", () => {
  let server: RedisServer;
  let queues = 0;
  before(async () => void (server = await startRedis()));
  after(() => server.stop());

  function open(redisUrl: string) {
    return openBroker({
      redisUrl,
      redisOptions: {},
      redis: undefined,
      queueName: `queue-${queues}`,
      priorities: ["low", "high"],
      binary: false,
      reader,
      isInThread: false,
      clock: systemClock,
      logger: new Lines(),
    });
  }

  it("answer the same, whatever happens to them", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
        queues++;
        await using redis = open(server.url);
        await using memory = open("memory://same");
        const sides = [new Side(redis), new Side(memory)] as const;
        await Promise.all(sides.map((side) => side.open()));
        for (const step of steps) {
          const [expected, actual] = await Promise.all(sides.map((side) => side.take(step)));
          assertEquals(actual, expected, JSON.stringify(step));
          const [seen, looked] = await Promise.all(sides.map((side) => side.look()));
          assertEquals(looked, seen, `after ${JSON.stringify(step)}`);
        }
      }),
      { numRuns: Number(process.env["STREAQ_RUNS"] ?? 30) },
    );
  });
});
