import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { StreaqCancelled } from "../../src/base/errors.ts";
import { taskContext } from "../../src/queue/context/task_context.ts";
import { createClient } from "../../src/redis/mod.ts";
import { onRedis } from "../queue/brokers.ts";
import { Lines, running, Stage } from "../queue/stage.ts";
import { eventually } from "../support/poll.ts";
import { gate } from "../support/promises.ts";
import { startRedis } from "../support/redis_server.ts";

const stage = new Stage(onRedis);

describe("a worker whose subscription the server refuses", () => {
  it("polls for delayed tasks and aborts instead, and logs that once", async () => {
    await using server = await startRedis();
    await using admin = createClient(server.url);
    await admin.command(["ACL", "SETUSER", "deaf", "on", ">password", "~*", "&*", "+@all", "-subscribe"]);
    const redisUrl = server.url.replace("redis://", "redis://deaf:password@");
    const lines = new Lines();
    const worker = await stage.worker({ redisUrl, logger: lines });
    const producer = await stage.worker({ redisUrl: server.url, queueName: worker.queueName });
    let [due, reason]: [number, unknown] = [0, undefined];
    worker.task(() => void due++, { name: "due" });
    worker.task(async function long() {
      const { signal } = taskContext();
      await new Promise<void>((resolve) => {
        signal.addEventListener("abort", () => {
          reason = signal.reason;
          resolve();
        });
      });
    });
    const run = running(worker);
    await eventually(() => lines.with("polling instead").length === 1, { timeout: 10_000 });
    const long = await producer.enqueueUnsafe("long");
    await eventually(async () => await long.status() === "running", { timeout: 10_000 });
    const time = performance.now();
    const delayed = await producer.enqueueUnsafe("due").start({ delay: 100 });
    assert((await delayed.result({ timeout: "60s" })).success);
    assertEquals(due, 1);
    assert(performance.now() - time < 15_000, "polling is more frequent than every 30 s");
    assertEquals(await long.abort(), true);
    await eventually(() => reason instanceof StreaqCancelled, { timeout: 15_000 });
    assertEquals(lines.with("polling instead").length, 1);
    await run.stop();
  });
});

describe("a message about an abort that did not happen", () => {
  it("does not abort the task", async () => {
    const worker = await stage.worker();
    let runs = 0;
    const { open, opened } = gate();
    const job = worker.task(async function job() {
      runs++;
      await opened;
      return taskContext().signal.aborted;
    }, { maxTries: 1 });
    const run = running(worker);
    const task = await job.enqueue();
    await eventually(() => runs === 1);
    await worker.redis.command(["PUBLISH", `streaq:${worker.queueName}:ts:wake`, `aborted ${task.id}`]);
    // By then the worker has handled the message.
    const other = worker.task(() => "done", { name: "other" });
    assert((await (await other.enqueue()).result()).success);
    open();
    const result = await task.result({ timeout: "5s" });
    assertEquals([result.success && result.result, runs], [false, 1]);
    assert(result.success);
    await run.stop();
    await stage.assertClean(worker);
  });
});
