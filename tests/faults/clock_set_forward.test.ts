/** When the server's clock is set, keys expire together, or long after their time. */
import { describe, it } from "node:test";
import { assertEquals, assertStringIncludes } from "@std/assert";
import { onRedis } from "../queue/brokers.ts";
import { running, Stage } from "../queue/stage.ts";
import { eventually } from "../support/poll.ts";

const stage = new Stage(onRedis);

describe("after the server's clock was set forward", () => {
  it("tasks are handed over although the records of all living workers have expired", async () => {
    const queueName = stage.newQueue();
    const workers = [
      await stage.worker({ queueName }),
      await stage.worker({ queueName }),
      await stage.worker({ queueName }),
    ] as const;
    const [newer, ...older] = workers;
    for (const worker of older) worker.task("old", () => "old");
    const added = newer.task("added", (n: number): number => n, { maxTries: 1 });
    const runs = workers.map((worker) => running(worker));
    const health = workers.map(({ id }) => `streaq:${queueName}:health:${id}`);
    await eventually(async () => await newer.redis.command(["EXISTS", ...health]) === workers.length);
    // Workers that are busy renew their records at once.
    let isOver = false;
    const expiring = (async () => {
      while (!isOver) await newer.redis.command(["DEL", ...health]);
    })();
    const tasks = await newer.enqueueMany(Array.from({ length: 100 }, (_, n) => added.enqueue(n)));
    const results = await Promise.all(tasks.map((task) => task.result({ timeout: "60s" })));
    isOver = true;
    await expiring;
    assertEquals(results.filter(({ success }) => !success), []);
    await Promise.all(runs.map((run) => run.stop()));
    await stage.assertClean(newer);
  });
});

describe("after the server's clock was set back", () => {
  it("the lock of a dead worker does not fail the next task of its name", async () => {
    const worker = await stage.worker({ idleTimeout: 200 });
    const job = worker.task("job", (): string => "done", { unique: true, timeout: "1m", maxTries: 1 });
    const first = await job.enqueue();
    // The state that a worker leaves behind that was killed during the task, with a lock that expires in an hour.
    const prefix = `streaq:${worker.queueName}`;
    const stream = `${prefix}:queues:normal`;
    await worker.redis.command(["XGROUP", "CREATE", stream, "workers", "0"]);
    await worker.redis.command(["XREADGROUP", "GROUP", "workers", "dead", "COUNT", 1, "STREAMS", stream, ">"]);
    await worker.redis.command(["HSET", `${prefix}:ts:running`, first.id, "0-1 1 0 normal:dead"]);
    const token = "0123456789abcdef".repeat(2);
    await worker.redis.command(["SET", `${prefix}:task:lock:job`, `${first.id} ${token}`, "PX", 3_600_000]);
    const run = running(worker);
    const { exception } = await first.result({ timeout: "60s" });
    assertStringIncludes(exception!.message, "was given up after 1 try");
    assertEquals(await (await job.enqueue()).value({ timeout: "60s" }), "done");
    await run.stop();
    await stage.assertClean(worker);
  });
});
