import process from "node:process";
import { after, before, describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { systemClock } from "../../../src/base/clock.ts";
import { openBroker } from "../../../src/broker/open.ts";
import { type RedisServer, startRedis } from "../../support/redis_server.ts";
import { Lines } from "../../queue/stage.ts";
import { BrokerDriver } from "./broker_driver.ts";
import { reader } from "./rig.ts";
import { step } from "./steps.ts";

describe("MemoryBroker and RedisBroker", () => {
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
      // The failures of dependents are kept, too.
      reader: {
        ...reader,
        failDependent: (...args) => ({ ...reader.failDependent(...args), keep: 3_600_000 }),
      },
      isInThread: false,
      clock: systemClock,
      logger: new Lines(),
    });
  }

  it("give the same answers to any sequence of operations", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
        queues++;
        await using redis = open(server.url);
        await using memory = open("memory://same");
        const drivers = [new BrokerDriver(redis), new BrokerDriver(memory)] as const;
        await Promise.all(drivers.map((driver) => driver.join()));
        for (const step of steps) {
          const [expected, actual] = await Promise.all(drivers.map((driver) => driver.take(step)));
          assertEquals(actual, expected, JSON.stringify(step));
          const [expectedState, actualState] = await Promise.all(drivers.map((driver) => driver.inspect()));
          assertEquals(actualState, expectedState, `after ${JSON.stringify(step)}`);
        }
      }),
      { numRuns: Number(process.env["STREAQ_RUNS"] ?? 30) },
    );
  });
});
