import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { eventually } from "../support/poll.ts";
import { onRedis } from "./brokers.ts";
import { running, sleep, Stage } from "./stage.ts";

describe("the lock of a unique task on Redis", () => {
  const stage = new Stage(onRedis);

  it("is not taken again, when it was released, by an extension that is still on its way", async () => {
    const worker = await stage.worker({ idleTimeout: 150 });
    const other = await stage.worker();
    const only = worker.task(async (ms: number) => await sleep(ms), { name: "only", unique: true, timeout: "1m" });
    const run = running(worker);
    const failures: string[] = [];
    let isOver = false;
    // A script that the server has forgotten takes a second round trip, in which others pass it.
    const forgetting = (async () => {
      while (!isOver) await other.redis.command(["SCRIPT", "FLUSH"]);
    })();
    for (let i = 0; i < 80; i++) {
      const result = await (await only.enqueue(i % 20)).result();
      if (!result.success) failures.push(result.exception.message);
    }
    isOver = true;
    await forgetting;
    await run.stop();
    assertEquals(failures, []);
    await stage.assertClean(worker);
  });

  it("is that of a Python worker, when one holds it, and nobody's after that has gone", async () => {
    const worker = await stage.worker();
    const only = worker.task(() => "ran", { name: "only", unique: true, timeout: "1m" });
    const key = `streaq:${worker.queueName}:task:lock:only`;
    await worker.redis.command(["SET", key, "held-by-python", "PX", 600]);
    const run = running(worker);
    const refused = await (await only.enqueue()).result();
    assertEquals([refused.success, refused.exception.message.includes("held-by-python")], [false, true]);
    assertEquals(await worker.redis.command(["GET", key]), "held-by-python");
    await eventually(async () => await worker.redis.command(["EXISTS", key]) === 0);
    assertEquals((await (await only.enqueue()).result()).result, "ran");
    await run.stop();
    await stage.assertClean(worker);
  });
});
