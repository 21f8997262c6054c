/** A record that kills the worker that decodes it. */
import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { onRedis } from "../queue/brokers.ts";
import { Stage } from "../queue/stage.ts";
import { eventually } from "../support/poll.ts";
import { WorkerProcesses } from "./worker_processes.ts";

const redisStage = new Stage(onRedis);

/** Megabytes of heap: enough for a worker and the bytes of a heavy record, but not for its arrays. */
const heap = 96;

/** Enqueues a task whose record has 24 MB of nested arrays, which take a heap of more than 256 MB. */
async function enqueueHeavy() {
  const worker = await redisStage.worker();
  const { queueName, redis } = worker;
  const task = await worker.enqueueUnsafe("steady");
  const key = `streaq:${queueName}:task:data:${task.id}`;
  const record = `{"f":"steady","a":[[${"[],".repeat(8_000_000)}[]]],"k":{},"t":${Date.now()},"i":"${task.id}"}`;
  await redis.command(["SET", key, record]);
  const options = { redisUrl: (await redisStage.broker).server.url, queueName, idleTimeout: 500 };
  return { worker, redis, task, size: record.length, options };
}

describe("a record that is too large for the heap of the worker's process", () => {
  it("kills the process, and its task is given up one run after its tries, so that the next worker survives", async () => {
    const { worker, task, options, size } = await enqueueHeavy();
    await using processes = new WorkerProcesses({ ...options, maxPayload: 2 * size }, { heap });
    let deaths = 0;
    const survivor = await eventually(async () => {
      const next = await processes.start();
      const result = task.result().then(() => "finished");
      if (await Promise.race([next.exited, result]) === "finished") return next;
      deaths++;
      return false;
    }, { timeout: 120_000, message: "the task has finished" });
    const { exception, fnName } = await task.result();
    const message = "Task steady was given up after 4 runs that were cut off with their worker";
    assertEquals([exception?.message, fnName, deaths], [message, "steady", 4]);
    const next = await worker.enqueueUnsafe("steady", 1);
    assertEquals((await next.result({ timeout: "20s" })).success, true);
    assertEquals(await survivor.stop(), 0);
    assertEquals(processes.starts(task.id), []);
    await redisStage.assertClean(worker);
  });

  it("is never sent to a worker with a smaller maxPayload, which fails the task and goes on", async () => {
    const { worker, redis, task, options, size } = await enqueueHeavy();
    await using processes = new WorkerProcesses(options, { heap });
    const sent = async () => Number(/total_net_output_bytes:(\d+)/.exec(await redis.command(["INFO", "stats"]))![1]);
    const before = await sent();
    const process = await processes.start();
    const { exception } = await task.result({ timeout: "20s" });
    const limit = 1024 * 1024;
    const message = `Cannot run task ${task.id}: expected a record of at most ${limit} bytes (maxPayload), got ${size}`;
    assertEquals(exception?.message, message);
    assert(await sent() - before < limit);
    const next = await worker.enqueueUnsafe("steady", 1);
    assertEquals((await next.result({ timeout: "20s" })).success, true);
    assertEquals(await process.stop(), 0);
    await redisStage.assertClean(worker);
  });
});
