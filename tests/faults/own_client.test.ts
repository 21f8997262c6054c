import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { createClient } from "../../src/redis/mod.ts";
import { onRedis } from "../queue/brokers.ts";
import { Stage } from "../queue/stage.ts";
import { eventually } from "../support/poll.ts";
import { settled } from "../support/promises.ts";

const stage = new Stage(onRedis);

describe("a client that was passed to a worker", () => {
  it("is left open by close()", async () => {
    const owner = await stage.worker();
    await using worker = await stage.worker({ redis: owner.redis });
    await worker.task(() => 1, { name: "one" }).enqueue();
    await worker.run({ burst: true });
    await worker.close();
    assertEquals(await owner.redis.command(["PING"]), "PONG");
  });

  it("rejects waits for results when it is closed", async () => {
    await using redis = createClient((await stage.broker).server.url);
    const worker = await stage.worker({ redis });
    const task = await worker.task(() => 1, { name: "one" }).enqueue();
    const waiting = settled(task.result(), 3000);
    // The wait has subscribed to the channel of its producer.
    const pattern = `streaq:${worker.queueName}:ts:to:*`;
    await eventually(async () => {
      assertEquals((await redis.command<string[]>(["PUBSUB", "CHANNELS", pattern])).length, 1);
    });
    await redis.close();
    assertEquals(await waiting, "rejected");
    // At every later call, too.
    for (const id of [task.id, task.id, "other", "other"]) {
      assertEquals(await settled(worker.resultById(id), 3000), "rejected", id);
    }
  });
});
