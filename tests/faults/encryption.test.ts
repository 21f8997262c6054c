/** What is stored in Redis, and sent to it, by workers whose records are encrypted. */
import { Buffer } from "node:buffer";
import { connect } from "node:net";
import { describe, it } from "node:test";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { StreaqError } from "../../src/base/errors.ts";
import { taskContext } from "../../src/queue/context/task_context.ts";
import type { WorkerOptions } from "../../src/queue/options/worker_options.ts";
import { encrypted } from "../../src/queue/records/encrypted.ts";
import { jsonSerializer } from "../../src/queue/records/json_serializer.ts";
import type { Worker } from "../../src/queue/worker.ts";
import type { RedisClient } from "../../src/redis/mod.ts";
import { onRedis } from "../queue/brokers.ts";
import { keysOf } from "../queue/keyspace.ts";
import { keyOf } from "../queue/records/encryption_keys.ts";
import { Lines, running, Stage, untilAborted } from "../queue/stage.ts";
import { eventually } from "../support/poll.ts";

const stage = new Stage(onRedis);
const options: WorkerOptions<undefined> = { serializer: encrypted(jsonSerializer, keyOf("key")) };

/** Words that stand in arguments, results, errors and piped inputs. */
const secrets = ["Arg0Word", "Kw0Word", "Result0Word", "Error0Word", "Name0Word", "Cause0Word", "Piped0Word"];

/** Runs a task of each kind, and leaves some unfinished. Returns the function that stops everything. */
async function runAll(worker: Worker): Promise<() => Promise<void>> {
  const echo = worker.task("echo_task", (..._values: unknown[]) => "Result0Word");
  const fail = worker.task("fail_task", (_value: string) => {
    const error = new Error("Error0Word", { cause: new Error("Cause0Word") });
    error.name = "Name0Word";
    throw error;
  });
  const pipe = worker.task("pipe_task", (_value: string) => "Piped0Word");
  const hang = worker.task("hang_task", (_value: string) => untilAborted(taskContext().signal), {
    unique: true,
    timeout: "1m",
  });
  worker.cron("0 0 1 1 *", () => {}, { name: "cron_task" });
  const done = [
    await echo.enqueue("Arg0Word"),
    await fail.enqueue("Arg0Word"),
    await pipe.enqueue("Arg0Word").pipe(echo, { word: "Kw0Word" }),
    await echo.enqueue("Arg0Word").start({ delay: 1 }),
  ];
  const hanging = await hang.enqueue("Arg0Word");
  await echo.enqueue("Arg0Word").start({ delay: "1h" });
  await echo.enqueue("Arg0Word").start({ schedule: "0 0 1 1 *", id: "repeating" });
  await pipe.enqueue("Arg0Word").start({ after: hanging.id }).pipe(echo);
  const run = running(worker);
  await Promise.all(done.map((task) => task.result()));
  await eventually(async () => await hanging.status() === "running");
  await eventually(async () => (await worker.schedules()).length === 2);
  return () => run.stop();
}

/** Everything that is stored under a key, as one text; names of keys are part of it. */
async function contentOf(redis: RedisClient, key: string): Promise<string> {
  const type = await redis.command<string>(["TYPE", key]);
  const commands: Record<string, [string, ...string[]]> = {
    string: ["GET", key],
    hash: ["HGETALL", key],
    list: ["LRANGE", key, "0", "-1"],
    set: ["SMEMBERS", key],
    zset: ["ZRANGE", key, "0", "-1"],
    stream: ["XRANGE", key, "-", "+"],
  };
  if (type === "none") return key;
  const found = await redis.command(commands[type]!);
  return `${key} ${JSON.stringify(found instanceof Map ? [...found] : found)}`;
}

/** Collects every command that a server executes, also those of scripts, with their arguments. */
async function monitor(url: string): Promise<{ text(): string; stop(): void }> {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  const chunks: Buffer[] = [];
  const text = () => Buffer.concat(chunks).toString("latin1");
  socket.on("data", (chunk) => void chunks.push(chunk));
  socket.write("MONITOR\r\n");
  await eventually(() => text().startsWith("+OK"));
  return { text, stop: () => void socket.destroy() };
}

async function wordsOf(options: WorkerOptions<undefined>) {
  const worker = await stage.worker({ ...options, logger: new Lines() });
  const seen = await monitor((await stage.broker).server.url);
  const stop = await runAll(worker);
  const keys = await keysOf(worker.redis, `streaq:${worker.queueName}`);
  const contents = await Promise.all(keys.map((key) => contentOf(worker.redis, key)));
  await stop();
  seen.stop();
  const prefix = `streaq:${worker.queueName}`;
  return { stored: contents.map((content) => content.slice(prefix.length)), sent: seen.text() };
}

describe("a queue whose records are encrypted", () => {
  it("stores and sends no argument, result, error or input in clear text", async () => {
    const plain = await wordsOf({});
    const hidden = await wordsOf(options);
    for (const word of secrets) {
      // Without encryption, the same look finds each of them.
      assert(plain.sent.includes(word), word);
      assertEquals([hidden.sent.includes(word), hidden.stored.filter((content) => content.includes(word))], [
        false,
        [],
      ]);
    }
    assert(plain.stored.some((content) => content.includes("Arg0Word")));
  });

  it("stores names of tasks in clear text only where the documentation says so", async () => {
    const { stored } = await wordsOf(options);
    const keys = stored.filter((content) => content.includes("_task")).map((content) => content.split(" ")[0]!);
    assertEquals(keys.map((key) => key.replace(/(?<=:)\w+_task$/, "<name>")).sort(), [
      ":cron:data:<name>",
      ":cron:jobs",
      ":cron:schedule",
      ":task:lock:<name>",
      ":ts:cron",
      ":ts:crons",
      ":ts:names",
    ]);
  });

  it("fails a task of whose record any byte was changed, and runs the others", async () => {
    const worker = await stage.worker(options);
    const runs: number[] = [];
    const job = worker.task("job", (value: number) => void runs.push(value));
    const [first] = await worker.enqueueMany([job.enqueue(0)]);
    const key = (id: string) => `streaq:${worker.queueName}:task:data:${id}`;
    const record = await worker.redis.command<Uint8Array>(["GET", key(first!.id)], { binary: true });
    const tasks = await worker.enqueueMany(Array.from(record, (_, i) => job.enqueue(i + 1)));
    for (const [i, { id }] of tasks.entries()) {
      const own = await worker.redis.command<Uint8Array>(["GET", key(id)], { binary: true });
      await worker.redis.command(["SET", key(id), own.with(i, own[i]! ^ 0x20)]);
    }
    const last = await job.enqueue(-1);
    await worker.run({ burst: true });
    assertEquals((await last.result()).success, true);
    assertEquals(runs.toSorted((a, b) => a - b), [-1, 0]);
    for (const task of tasks) {
      const { exception, tries } = await task.result();
      assertEquals(tries, 0);
      assertMatch(
        exception!.message,
        /^Cannot read the record of task \w+: it (is not encrypted with one of the keys|was changed)/,
      );
    }
    await stage.assertClean(worker);
  });

  it("refuses a record and a result that were put in place of those of another task", async () => {
    const worker = await stage.worker(options);
    const { redis, queueName } = worker;
    const prefix = `streaq:${queueName}:task`;
    const runs: unknown[] = [];
    const job = worker.task("job", (value: unknown) => (runs.push(value), value));
    const copy = (from: string, to: string) => redis.command(["COPY", from, to, "REPLACE"]);

    const [one, two] = [await job.enqueue("one"), await job.enqueue("two")];
    await copy(`${prefix}:data:${one.id}`, `${prefix}:data:${two.id}`);
    await worker.run({ burst: true });
    assertEquals([await one.value(), runs], ["one", ["one"]]);
    const { exception } = await two.result();
    assertEquals(exception?.message, `Cannot read the record of task ${two.id}: it was stored under another id`);

    await copy(`${prefix}:results:${one.id}`, `${prefix}:results:${two.id}`);
    const reader = await stage.worker({ ...options, queueName });
    const message = `Cannot read the result of task ${two.id}: it was stored under another id`;
    await assertRejects(() => reader.resultById(two.id), StreaqError, message);
  });

  it("refuses an input that was put in place of that of another task", async () => {
    const producer = await stage.worker({ ...options, priorities: ["later", "normal"] });
    const { redis, queueName } = producer;
    const key = (id: string) => `streaq:${queueName}:task:previous:${id}`;
    const runs: unknown[] = [];
    const job = producer.task("job", (value: unknown) => (runs.push(value), value));
    const start = async (value: string) => {
      const first = job.enqueue(value).start({ priority: "normal" });
      return { first, second: await first.pipe(job) };
    };
    const [one, two] = [await start("one"), await start("two")];
    const early = await stage.worker({ ...options, queueName, priorities: ["normal"] });
    early.task("job", (value: unknown) => value);
    await early.run({ burst: true });
    await redis.command(["COPY", key(one.first.id), key(two.first.id), "REPLACE"]);
    await producer.run({ burst: true });
    assertEquals([await one.second.value(), runs], ["one", ["one"]]);
    const { exception } = await two.second.result();
    const fault = "it was encrypted as a record of another kind";
    assertEquals(exception?.message, `Cannot read the input piped from task ${two.first.id}: ${fault}`);
  });
});
