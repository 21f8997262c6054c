import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { StreaqCancelled, StreaqRetry } from "../../src/base/errors.ts";
import { taskContext } from "../../src/queue/context/task_context.ts";
import type { Worker } from "../../src/queue/worker.ts";
import { createClient, type RedisClient } from "../../src/redis/mod.ts";
import { onRedis } from "../queue/brokers.ts";
import { assertClean } from "../queue/keyspace.ts";
import { running, sleep, Stage } from "../queue/stage.ts";
import { eventually } from "../support/poll.ts";
import { startRedis } from "../support/redis_server.ts";

const stage = new Stage(onRedis);
const prefix = "streaq:orders";

/** Returns the ACL command of the documentation, as arguments. */
function documentedUser(): [string, ...string[]] {
  const text = readFileSync(new URL("../../docs/operations.md", import.meta.url), "utf8");
  const command = /^ACL SETUSER orders[^`]*/m.exec(text)![0];
  return command.trim().split(/\s+/) as [string, ...string[]];
}

/** Returns the commands that the scripts call. */
function scriptedCommands(): string[] {
  const folder = fileURLToPath(new URL("../../src/broker/redis/scripts/", import.meta.url));
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
  const sources = files.map((file) => readFileSync(join(folder, file), "utf8"));
  const calls = sources.flatMap((source) => [...source.matchAll(/redis\.p?call\('(\w+)'(?:, '(\w+)')?/g)]);
  // Only these commands have subcommands that an ACL names.
  const names = calls.map(([, name, second]) => ["XGROUP", "XINFO"].includes(name!) ? `${name}|${second}` : name!);
  return [...new Set(names.map((name) => name.toLowerCase()))].sort();
}

/** Starts a server whose user has the documented permissions, and makes two workers that connect as this user. */
async function setUp({ idleTimeout = 500 } = {}) {
  const server = await startRedis();
  const admin = createClient(server.url);
  await admin.command(documentedUser());
  const redisUrl = server.url.replace("redis://", "redis://orders:password@");
  const options = { redisUrl, queueName: "orders", priorities: ["low", "high"], idleTimeout };
  const [worker, other] = [await stage.worker(options), await stage.worker(options)];
  return {
    admin,
    worker,
    other,
    tasks: registerTasks(worker, other),
    [Symbol.asyncDispose]: async () => {
      await admin.close();
      await server.stop();
    },
  };
}

/** Registers the same tasks with both workers. */
function registerTasks(worker: Worker, other: Worker) {
  const [tasks] = [worker, other].map((worker) => ({
    job: worker.task(function job(n: number): number {
      if (n < 0) throw new RangeError("negative");
      return n;
    }, { ttl: "1s" }),
    kept: worker.task(function kept(): void {}, { ttl: null }),
    twice: worker.task(function twice(delay: number): number {
      const { tries } = taskContext();
      if (tries === 1) throw new StreaqRetry("once more", { delay });
      return tries;
    }, { ttl: 0 }),
    long: worker.task(async function long(ms: number): Promise<void> {
      await sleep(ms, taskContext().signal);
    }, { ttl: "1s" }),
    alone: worker.task(async function alone(ms: number): Promise<void> {
      await sleep(ms, taskContext().signal);
    }, { ttl: "1s", timeout: "10s", unique: true }),
  }));
  return tasks!;
}

/** Returns the permissions that were missing since the last call. */
async function refusals(admin: RedisClient): Promise<string[]> {
  const entries = await admin.command<Map<string, string>[]>(["ACL", "LOG"]);
  await admin.command(["ACL", "LOG", "RESET"]);
  return entries.map((entry) => entry.get("object")!);
}

describe("a user with the documented permissions and no others", () => {
  it("may call every command of the scripts", () => {
    const allowed = new Set(documentedUser());
    const commands = scriptedCommands();
    assert(commands.length > 20, `the scripts call ${commands}`);
    assertEquals(commands.filter((name) => !allowed.has(`+${name}`)), []);
  });

  it("can run tasks, discard broken entries, and take over the task of a dead worker", async () => {
    await using all = await setUp();
    const { admin, worker, other, tasks: { job, kept } } = all;
    const runs = [running(worker), running(other)];
    const many = await worker.enqueueMany(Array.from({ length: 50 }, (_, n) => job.enqueue(n)));
    const bad = await job.enqueue(-1).start({ priority: "high", id: "bad" });
    assertEquals((await Promise.all(many.map((task) => task.result()))).length, 50);
    assertEquals((await bad.result()).success, false);
    assertEquals([await bad.status(), await bad.info()], ["done", null]);
    assertEquals((await (await kept.enqueue()).result()).success, true);
    const stream = `${prefix}:queues:low`;
    await admin.command(["XADD", stream, "*", "other", "field"]);
    for (const run of runs) await run.stop();
    const last = await job.enqueue(1);
    await admin.command(["XREADGROUP", "GROUP", "workers", "dead", "COUNT", 10, "STREAMS", stream, ">"]);
    const run = running(worker);
    assertEquals((await last.result({ timeout: "5s" })).result, 1);
    await run.stop();
    assertEquals(await refusals(admin), []);
    // Two keys never expire: the list of dead letters, and the list with a result that is kept for ever.
    await admin.command(["DEL", `${prefix}:ts:dead`, `${prefix}:ts:results`]);
    await assertClean(admin, "orders");
  });

  it("can retry and release tasks", async () => {
    await using all = await setUp();
    const { admin, worker, other, tasks: { twice, long } } = all;
    const retried = await twice.enqueue(50);
    const released = await long.enqueue(400);
    const run = running(worker);
    assertEquals((await retried.result({ timeout: "5s" })).result, 2);
    await eventually(async () => assertEquals(await released.status(), "running"));
    await run.stop();
    assertEquals(await released.status(), "queued");
    const next = running(other);
    assertEquals((await released.result({ timeout: "5s" })).tries, 1);
    await next.stop();
    assertEquals(await refusals(admin), []);
    await assertClean(admin, "orders");
  });

  it("can list, count, retry and purge failures, also with piped input and dependents", async () => {
    await using all = await setUp();
    const { admin, worker, tasks: { job } } = all;
    const run = running(worker);
    const bad = await job.enqueue(-1).start({ id: "bad", priority: "high" });
    const below = await job.enqueue(1).start({ after: bad.id });
    const piped = await job.enqueue(-2).pipe(job);
    for (const task of [below, piped]) assertEquals((await task.result({ timeout: "5s" })).success, false);
    assertEquals([(await worker.failures()).length, await worker.countFailures()], [4, 4]);
    assertEquals([await below.retry(), await worker.retryFailed({})], [false, 4]);
    await eventually(async () => assertEquals(await worker.countFailures(), 4));
    assertEquals(await worker.purgeFailed({}), 4);
    await run.stop();
    assertEquals(await refusals(admin), []);
    await assertClean(admin, "orders");
  });

  it("can list, count and abort tasks in each state", async () => {
    await using all = await setUp();
    const { admin, worker, tasks: { twice, long } } = all;
    const queued = await long.enqueue(1).start({ id: "queued", priority: "high" });
    assertEquals((await worker.getTasksByStatus("queued")).map(({ taskId }) => taskId), ["queued"]);
    assertEquals(await queued.abort(), true);
    const run = running(worker);
    const scheduled = await twice.enqueue(60_000).start({ id: "scheduled" });
    const started = await long.enqueue(60_000).start({ id: "running" });
    await eventually(async () => {
      assertEquals((await worker.getTasksByStatus("scheduled")).map(({ taskId }) => taskId), ["scheduled"]);
      assertEquals((await worker.getTasksByStatus("running")).map(({ taskId }) => taskId), ["running"]);
    });
    assertEquals([await worker.queueSize(), await worker.queueSize({ includeScheduled: false })], [2, 1]);
    assertEquals([await scheduled.abort(), await started.abort(), await started.abort()], [true, true, false]);
    assertEquals((await started.result()).exception instanceof StreaqCancelled, true);
    assertEquals((await worker.getTasksByStatus("done")).map(({ taskId }) => taskId), ["running", "queued"]);
    await run.stop();
    assertEquals(await refusals(admin), []);
    await assertClean(admin, "orders");
  });

  it("can run unique tasks", async () => {
    await using all = await setUp();
    const { admin, worker, other, tasks: { alone } } = all;
    const runs = [running(worker), running(other)];
    // Longer than the ttl of a lock that is not extended.
    const first = await alone.enqueue(800);
    await eventually(async () => assertEquals(await admin.command(["EXISTS", `${prefix}:task:lock:alone`]), 1));
    const second = await alone.enqueue(1);
    assertEquals((await second.result({ timeout: "5s" })).success, false);
    assertEquals((await first.result({ timeout: "5s" })).success, true);
    for (const run of runs) await run.stop();
    assertEquals(await refusals(admin), []);
    await assertClean(admin, "orders");
  });

  it("can delay tasks", async () => {
    await using all = await setUp();
    const { admin, worker, tasks: { job } } = all;
    const run = running(worker);
    const [delayed, scheduled, aborted] = await worker.enqueueMany([
      job.enqueue(1).start({ delay: 100 }),
      job.enqueue(2).start({ schedule: new Date(Date.now() + 200), priority: "high" }),
      job.enqueue(3).start({ delay: "1h" }),
    ]);
    assertEquals((await aborted.info())?.status, "scheduled");
    assertEquals(await aborted.abort(), true);
    assertEquals((await delayed.result({ timeout: "5s" })).result, 1);
    assertEquals((await scheduled.result({ timeout: "5s" })).result, 2);
    await run.stop();
    assertEquals(await refusals(admin), []);
    await assertClean(admin, "orders");
  });

  it("can run tasks with few or many dependencies and dependents, and pipelines", async () => {
    await using all = await setUp({ idleTimeout: 100 });
    const { admin, worker, other, tasks: { job, long } } = all;
    const delayed = await long.enqueue(60_000).start({ delay: "1h", id: "delayed" });
    const sources = await worker.enqueueMany(Array.from({ length: 1100 }, (_, n) => job.enqueue(n)));
    const wide = await job.enqueue(1).start({ after: sources.map(({ id }) => id), priority: "high" });
    const bad = await job.enqueue(-1);
    const many = await worker.enqueueMany(
      Array.from({ length: 1100 }, (_, n) => job.enqueue(n).start({ after: n % 2 ? wide.id : bad.id })),
    );
    const aborted = await job.enqueue(1).start({ after: delayed.id });
    const runs = [running(worker), running(other)];
    const results = await Promise.all(many.map((task) => task.result({ timeout: "10s" })));
    assertEquals(results.filter(({ success }) => success).length, 550);
    assertEquals((await (await job.enqueue(7).pipe(job).pipe(job)).result({ timeout: "5s" })).result, 7);
    assertEquals((await (await job.enqueue(7).start({ after: [wide.id] })).result({ timeout: "5s" })).result, 7);
    assertEquals([(await aborted.info())?.dependencies, await worker.queueSize()], [new Set(["delayed"]), 2]);
    assertEquals([await aborted.abort(), await delayed.abort()], [true, true]);
    // The janitor fails a task whose set of dependencies was lost.
    const last = await long.enqueue(60_000).start({ delay: "1h", id: "last" });
    const lost = await job.enqueue(1).start({ after: last.id, id: "lost" });
    await admin.command(["DEL", `${prefix}:task:dependencies:lost`]);
    assertEquals((await lost.result({ timeout: "10s" })).success, false);
    assertEquals(await last.abort(), true);
    for (const run of runs) await run.stop();
    assertEquals(await refusals(admin), []);
    await assertClean(admin, "orders");
  });

  it("can schedule and replace cron jobs, and remove those that no worker registers", async () => {
    await using all = await setUp();
    const { admin, worker, other } = all;
    let runs = 0;
    worker.cron("* * * * * *", () => void runs++, { name: "tick", ttl: 0 });
    worker.cron("@yearly", () => {}, { name: "year" });
    other.cron("@monthly", () => {}, { name: "year" });
    const run = running(worker);
    await eventually(() => runs >= 2, { timeout: 10_000 });
    await run.stop();
    const next = running(other);
    const expressions = async () => (await other.schedules()).map(({ expression }) => expression);
    // The other job stays registered until its worker no longer counts as living.
    await eventually(async () => assertEquals(await expressions(), ["@monthly"]), { timeout: 10_000 });
    await next.stop();
    assertEquals(await other.unscheduleById("year"), true);
    assertEquals(await refusals(admin), []);
    await assertClean(admin, "orders");
  });

  it("can schedule tasks with arguments, list their schedules, and remove them", async () => {
    await using all = await setUp();
    const { admin, worker, tasks: { job } } = all;
    const task = await job.enqueue(7).start({ schedule: "* * * * * *", priority: "high", id: "seven" });
    assertEquals((await worker.schedules()).map(({ id, args, dynamic }) => [id, args, dynamic]), [[
      "seven",
      [7],
      true,
    ]]);
    const run = running(worker);
    assertEquals((await task.result({ timeout: "5s" })).result, 7);
    await eventually(() => worker.counters.completed >= 2, { timeout: 10_000 });
    assertEquals([await task.unschedule(), await worker.unscheduleById("seven")], [true, false]);
    assertEquals(await worker.schedules(), []);
    await run.stop();
    // A schedule is also withdrawn when its occurrence is due but not started.
    const withdrawn = await job.enqueue(8).start({ schedule: "* * * * * *" });
    await eventually(async () => {
      assertEquals(await admin.command(["ZCOUNT", `${prefix}:cron:schedule`, "-inf", Date.now()]), 1);
    });
    assertEquals(await withdrawn.unschedule(), true);
    await worker.run({ burst: true });
    assertEquals([await withdrawn.status(), await refusals(admin)], ["missing", []]);
    await assertClean(admin, "orders");
  });

  it("can send heartbeats and tidy up after dead workers", async () => {
    await using all = await setUp({ idleTimeout: 200 });
    const { admin, worker } = all;
    const streams = ["low", "high"].map((priority) => `${prefix}:queues:${priority}`);
    for (const stream of streams) {
      await admin.command(["XGROUP", "CREATE", stream, "workers", "0", "MKSTREAM"]);
      await admin.command(["XGROUP", "CREATECONSUMER", stream, "workers", "dead-01234567"]);
    }
    await admin.command(["HSET", `${prefix}:ts:running`, "gone", "1-1 1 0 low:dead-01234567"]);
    const run = running(worker);
    // The janitor tidies once every 5 to 15 idle timeouts; the worker sends at least ten heartbeats meanwhile.
    const left: [string, ...string[]][] = streams.map((stream) => ["XINFO", "CONSUMERS", stream, "workers"]);
    left.push(["HGETALL", `${prefix}:ts:running`]);
    await eventually(async () => {
      const found = JSON.stringify(await Promise.all(left.map((command) => admin.command(command))), showMaps);
      assertEquals(/dead|gone/.exec(found), null);
    }, { timeout: 15_000 });
    assertEquals(await admin.command(["EXISTS", `${prefix}:health:${worker.id}`]), 1);
    await run.stop();
    assertEquals(await refusals(admin), []);
    await assertClean(admin, "orders");
  });
});

/** Replacer for `JSON.stringify`, which does not support maps. */
function showMaps(_key: string, value: unknown): unknown {
  return value instanceof Map ? [...value] : value;
}
