import { describe, it } from "node:test";
import { assertEquals, assertStringIncludes } from "@std/assert";
import { StreaqRetry } from "../../src/base/errors.ts";
import { taskContext } from "../../src/queue/context/task_context.ts";
import { eventually } from "../support/poll.ts";
import { onRedis } from "../queue/brokers.ts";
import { running, Stage } from "../queue/stage.ts";

describe("a worker on Redis", () => {
  const stage = new Stage(onRedis);

  const scores = ["+inf", "1e300", "-inf", "-1", "1.5"];
  for (const score of scores) {
    it(`runs and stops while the delayed set has an unknown task with the score ${score}`, async () => {
      const worker = await stage.worker({ idleTimeout: 300 });
      const delayed = `streaq:${worker.queueName}:queues:delayed:normal`;
      const job = worker.task(() => {
        if (taskContext().tries === 1) throw new StreaqRetry("again", { delay: 20 });
        return "done";
      }, { name: "job" });
      await worker.redis.command(["ZADD", delayed, score, "unknown"]);
      const run = running(worker);
      assertEquals((await (await job.enqueue()).result({ timeout: 4000 })).result, "done");
      await run.stop();
      await worker.redis.command(["DEL", delayed]);
      await stage.assertClean(worker);
    });
  }

  it("fails a delayed task without a record once", async () => {
    const worker = await stage.worker();
    await worker.redis.command(["ZADD", `streaq:${worker.queueName}:queues:delayed:normal`, 1, "ghost"]);
    const run = running(worker);
    await eventually(async () => await worker.statusById("ghost") === "done");
    assertStringIncludes((await worker.resultById("ghost")).exception!.message, "ghost");
    await run.stop();
    assertEquals(worker.counters.failed, 1);
    await stage.assertClean(worker);
  });

  it("promotes a task that was delayed by a worker that has stopped, even if it was idle all the time", async () => {
    const queueName = stage.newQueue();
    const [first, second] = [await stage.worker({ queueName }), await stage.worker({ queueName })];
    const job = () => {
      if (taskContext().tries === 1) throw new StreaqRetry("again", { delay: 500 });
      return "done";
    };
    const task = first.task(job, { name: "job" });
    second.task(job, { name: "job" });
    const idle = running(second);
    const run = running(first);
    const one = await task.enqueue();
    await eventually(async () => await one.status() === "scheduled");
    await run.stop();
    assertEquals((await one.result({ timeout: 4000 })).result, "done");
    await idle.stop();
    await stage.assertClean(first);
  });
});
