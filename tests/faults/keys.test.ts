import { describe, it } from "node:test";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { onRedis } from "../queue/brokers.ts";
import { keysOf } from "../queue/keyspace.ts";
import { running, Stage } from "../queue/stage.ts";
import { eventually } from "../support/poll.ts";
import { blockedClients } from "./server_info.ts";

const stage = new Stage(onRedis);

describe("a worker that stops", () => {
  it("removes its consumer and its health key", async () => {
    const worker = await stage.worker();
    const run = running(worker);
    const prefix = `streaq:${worker.queueName}`;
    await eventually(async () => await blockedClients(worker.redis) === 1);
    const health = await worker.redis.command<string>(["GET", `${prefix}:health:${worker.id}`]);
    assertStringIncludes(health, `worker ${worker.id} {`);
    await run.stop();
    assertEquals(await keysOf(worker.redis, prefix), [`${prefix}:queues:normal`]);
    assertEquals(await worker.redis.command(["XINFO", "CONSUMERS", `${prefix}:queues:normal`, "workers"]), []);
  });
});

describe("a worker that is stopped while it joins", () => {
  it("removes its consumer and its health key, at whichever moment that is", async () => {
    for (let ms = 0; ms < 20; ms++) {
      const worker = await stage.worker();
      const run = running(worker);
      await new Promise((resolve) => setTimeout(resolve, ms / 2));
      await run.stop();
      const keys = await keysOf(worker.redis, `streaq:${worker.queueName}`);
      assertEquals(keys.filter((key) => !key.endsWith(":queues:normal")), [], `after ${ms / 2} ms`);
    }
  });
});

describe("the result of a task", () => {
  it("expires after the ttl of the task", async () => {
    const worker = await stage.worker();
    const tasks = await worker.enqueueMany([
      worker.task(() => 1, { name: "default" }).enqueue(),
      worker.task(() => 1, { name: "hour", ttl: "1h" }).enqueue(),
      worker.task(() => 1, { name: "ever", ttl: null }).enqueue(),
    ]);
    await worker.run({ burst: true });
    const ttls = await Promise.all(
      tasks.map(({ id }) => worker.redis.command<number>(["PTTL", `streaq:${worker.queueName}:task:results:${id}`])),
    );
    assert(ttls[0]! > 290_000 && ttls[0]! <= 300_000, `${ttls[0]}`);
    assert(ttls[1]! > 3_590_000 && ttls[1]! <= 3_600_000, `${ttls[1]}`);
    assertEquals(ttls[2], -1);
  });
});
