/** Records that are larger than the worker that reads them accepts. */
import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import type { Start } from "../../src/broker/contract/delivery.ts";
import { begin } from "../../src/broker/redis/scripts/lease/begin.ts";
import { start } from "../../src/broker/redis/scripts/lease/start.ts";
import { Scene } from "../broker/scene.ts";
import { inMemory, onRedis } from "../queue/brokers.ts";
import { Stage } from "../queue/stage.ts";
import { eventually } from "../support/poll.ts";
import { WorkerProcesses } from "./worker_processes.ts";

const scene = new Scene();
const stage = new Stage(inMemory);
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

/** A queue with records of 4, 5 and 6 bytes, one of them not in ASCII, and one that is gone. */
async function setUp() {
  const { redis } = scene;
  const { keys, consumer, lease } = await scene.rig(["fits", "text", "large", "gone"]);
  await redis.command(["SET", keys.data("text"), "ääa"]);
  await redis.command(["SET", keys.data("large"), "xxxxxx"]);
  await redis.command(["DEL", keys.data("gone")]);
  return { redis, keys, consumer, deliveries: await lease("one") };
}

function shown(starts: readonly Start[]): unknown[] {
  return starts.map((answer) => typeof answer === "object" ? [answer.data, answer.size] : answer);
}

const expected = [["data", null], ["ääa", null], [null, 6], [null, null]];

describe("a record of more than maxPayload bytes", () => {
  it("is not loaded by start", async () => {
    const { redis, keys, deliveries } = await setUp();
    const starts = await start(redis, keys, "one", deliveries, { binary: false, maxPayload: 5 });
    assertEquals(shown(starts), expected);
    const binary = await start(redis, keys, "one", deliveries, { binary: true, maxPayload: 5 });
    assertEquals(binary.map((answer) => typeof answer === "object" && answer.size), [null, null, 6, null]);
  });

  it("is not loaded by begin", async () => {
    const { redis, keys, consumer } = await setUp();
    const options = { ...consumer("one"), maxPayload: 5 };
    const begun = await begin(redis, keys, options, 5, new Map(), { binary: false, timeout: 1000 });
    assertEquals(shown([...begun.values()]), expected);
  });

  for (const signingSecret of [undefined, "secret"]) {
    it(`becomes one failed result, and others run: ${signingSecret ? "signed" : "not signed"}`, async () => {
      const queueName = stage.newQueue();
      const shared = { queueName, ...signingSecret && { signingSecret } };
      const producer = await stage.worker(shared);
      const text = "x".repeat(400);
      const job = producer.task((_: string) => 1, { name: "job" });
      const requests = [`${text}x`, text].map((value) => job.enqueue(value));
      const [bad, good] = await producer.enqueueMany(requests);
      // Exactly the size of the smaller record, without its signature.
      const record = { f: "job", a: [text], k: {}, t: Date.now(), i: good!.id };
      const maxPayload = JSON.stringify(record).length;
      const worker = await stage.worker({ ...shared, maxPayload });
      worker.task((_: string) => 1, { name: "job" });
      await worker.run({ burst: true });
      assertEquals((await good!.result()).success, true);
      const size = maxPayload + 1 + (signingSecret ? 32 : 0);
      const message = `Cannot run task ${
        bad!.id
      }: expected a record of at most ${maxPayload} bytes (maxPayload), got ${size}`;
      const { exception } = await bad!.result();
      assertEquals(exception?.message, message);
    });
  }
});

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
