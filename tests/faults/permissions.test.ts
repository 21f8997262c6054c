import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
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

/** The command of the documentation, as arguments. */
function documentedUser(): [string, ...string[]] {
  const text = readFileSync(new URL("../../docs/operations.md", import.meta.url), "utf8");
  const command = /^ACL SETUSER orders[^`]*/m.exec(text)![0];
  return command.trim().split(/\s+/) as [string, ...string[]];
}

/** The commands that the scripts call. */
function scriptedCommands(): string[] {
  const folder = fileURLToPath(new URL("../../src/broker/redis/scripts/", import.meta.url));
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
  const sources = files.map((file) => readFileSync(join(folder, file), "utf8"));
  const calls = sources.flatMap((source) => [...source.matchAll(/redis\.p?call\('(\w+)'(?:, '(\w+)')?/g)]);
  // Of those used here, only these have commands below them.
  const names = calls.map(([, name, second]) => ["XGROUP", "XINFO"].includes(name!) ? `${name}|${second}` : name!);
  return [...new Set(names.map((name) => name.toLowerCase()))].sort();
}

/** A server whose user has the documented permissions, and two workers that run as this user. */
async function scene({ idleTimeout = 500 } = {}) {
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
    job: worker.task(async function job(n: number): Promise<number> {
      if (n < 0) throw new RangeError("negative");
      return await Promise.resolve(n);
    }, { ttl: "1s" }),
    kept: worker.task(function kept(): void {}, { ttl: null }),
    twice: worker.task(async function twice(delay: number): Promise<number> {
      const { tries } = await Promise.resolve(taskContext());
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

/** What was refused since this was last asked. */
async function refusals(admin: RedisClient): Promise<string[]> {
  const entries = await admin.command<Map<string, string>[]>(["ACL", "LOG"]);
  await admin.command(["ACL", "LOG", "RESET"]);
  return entries.map((entry) => entry.get("object")!);
}

describe("a user with nothing but the permissions that the documentation lists", () => {
  it("may call every command of the scripts", () => {
    const allowed = new Set(documentedUser());
    assertEquals(scriptedCommands().filter((name) => !allowed.has(`+${name}`)), []);
  });

  it("can run tasks, discard what is none, and take over what a dead worker has left", async () => {
    await using all = await scene();
    const { admin, worker, other, tasks: { job, kept } } = all;
    const runs = [running(worker), running(other)];
    const many = await worker.enqueueMany(Array.from({ length: 50 }, (_, n) => job.enqueue(n)));
    const bad = await job.enqueue(-1).start({ priority: "high", id: "bad" });
    assertEquals((await Promise.all(many.map((task) => task.result()))).length, 50);
    assertEquals((await bad.result()).success, false);
    assertEquals([await bad.status(), await bad.info()], ["done", null]);
    assertEquals((await (await kept.enqueue()).result()).success, true);
    const stream = `${prefix}:queues:low`;
    await admin.command(["XADD", stream, "*", "what", "ever"]);
    for (const run of runs) await run.stop();
    const last = await job.enqueue(1);
    await admin.command(["XREADGROUP", "GROUP", "workers", "dead", "COUNT", 10, "STREAMS", stream, ">"]);
    const run = running(worker);
    assertEquals((await last.result({ timeout: "5s" })).result, 1);
    await run.stop();
    assertEquals(await refusals(admin), []);
    // What never expires: the broken entry, and the list with a result that is kept for ever.
    await admin.command(["DEL", `${prefix}:ts:dead`, `${prefix}:ts:results`]);
    await assertClean(admin, "orders");
  });

  it("can retry, and hand back", async () => {
    await using all = await scene();
    const { admin, worker, other, tasks: { twice, long } } = all;
    const retried = await twice.enqueue(50);
    const handedBack = await long.enqueue(400);
    const run = running(worker);
    assertEquals((await retried.result({ timeout: "5s" })).result, 2);
    await eventually(async () => assertEquals(await handedBack.status(), "running"));
    await run.stop();
    assertEquals(await handedBack.status(), "queued");
    const next = running(other);
    assertEquals((await handedBack.result({ timeout: "5s" })).tries, 1);
    await next.stop();
    assertEquals(await refusals(admin), []);
    await assertClean(admin, "orders");
  });

  it("can list, count and abort tasks in each state", async () => {
    await using all = await scene();
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
    await using all = await scene();
    const { admin, worker, other, tasks: { alone } } = all;
    const runs = [running(worker), running(other)];
    // Longer than the lock lives without being extended.
    const first = await alone.enqueue(800);
    await eventually(async () => assertEquals(await admin.command(["EXISTS", `${prefix}:task:lock:alone`]), 1));
    const second = await alone.enqueue(1);
    assertEquals((await second.result({ timeout: "5s" })).success, false);
    assertEquals((await first.result({ timeout: "5s" })).success, true);
    for (const run of runs) await run.stop();
    assertEquals(await refusals(admin), []);
    await assertClean(admin, "orders");
  });

  it("can let tasks wait for their time", async () => {
    await using all = await scene();
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

  it("can let tasks wait for others, few or many, tell them of the ends, and pipe", async () => {
    await using all = await scene({ idleTimeout: 100 });
    const { admin, worker, other, tasks: { job, long } } = all;
    const held = await long.enqueue(60_000).start({ delay: "1h", id: "held" });
    const sources = await worker.enqueueMany(Array.from({ length: 1100 }, (_, n) => job.enqueue(n)));
    const wide = await job.enqueue(1).start({ after: sources.map(({ id }) => id), priority: "high" });
    const bad = await job.enqueue(-1);
    const many = await worker.enqueueMany(
      Array.from({ length: 1100 }, (_, n) => job.enqueue(n).start({ after: n % 2 ? wide.id : bad.id })),
    );
    const aborted = await job.enqueue(1).start({ after: held.id });
    const runs = [running(worker), running(other)];
    const results = await Promise.all(many.map((task) => task.result({ timeout: "10s" })));
    assertEquals(results.filter(({ success }) => success).length, 550);
    assertEquals((await (await job.enqueue(7).pipe(job).pipe(job)).result({ timeout: "5s" })).result, 7);
    assertEquals((await (await job.enqueue(7).start({ after: [wide.id] })).result({ timeout: "5s" })).result, 7);
    assertEquals([(await aborted.info())?.dependencies, await worker.queueSize()], [new Set(["held"]), 2]);
    assertEquals([await aborted.abort(), await held.abort()], [true, true]);
    // The janitor looks after one whose dependencies got lost.
    const last = await long.enqueue(60_000).start({ delay: "1h", id: "last" });
    const lost = await job.enqueue(1).start({ after: last.id, id: "lost" });
    await admin.command(["DEL", `${prefix}:task:dependencies:lost`]);
    assertEquals((await lost.result({ timeout: "10s" })).success, false);
    assertEquals(await last.abort(), true);
    for (const run of runs) await run.stop();
    assertEquals(await refusals(admin), []);
    await assertClean(admin, "orders");
  });

  it("can schedule cron jobs, replace them, and forget those that are gone", async () => {
    await using all = await scene();
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
    // The one that is gone is due every second, and known for as long as its worker might live.
    await eventually(async () => assertEquals(await expressions(), ["@monthly"]), { timeout: 10_000 });
    await next.stop();
    assertEquals(await other.unscheduleById("year"), true);
    assertEquals(await refusals(admin), []);
    await assertClean(admin, "orders");
  });

  it("can let tasks repeat, list them, and unschedule them", async () => {
    await using all = await scene();
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
    // Withdrawn when it was due already, and not started.
    const withdrawn = await job.enqueue(8).start({ schedule: "* * * * * *" });
    await eventually(async () => {
      assertEquals(await admin.command(["ZCOUNT", `${prefix}:cron:schedule`, "-inf", Date.now()]), 1);
    });
    assertEquals(await withdrawn.unschedule(), true);
    await worker.run({ burst: true });
    assertEquals([await withdrawn.status(), await refusals(admin)], ["missing", []]);
    await assertClean(admin, "orders");
  });

  it("can say that it lives, and clear up after dead workers", async () => {
    await using all = await scene({ idleTimeout: 200 });
    const { admin, worker } = all;
    const streams = ["low", "high"].map((priority) => `${prefix}:queues:${priority}`);
    for (const stream of streams) {
      await admin.command(["XGROUP", "CREATE", stream, "workers", "0", "MKSTREAM"]);
      await admin.command(["XGROUP", "CREATECONSUMER", stream, "workers", "dead-01234567"]);
    }
    await admin.command(["HSET", `${prefix}:ts:running`, "gone", "1-1 1 0 low:dead-01234567"]);
    const run = running(worker);
    // Once within 5 to 15 idle timeouts; meanwhile it says ten times and more that it lives.
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

/** For `JSON.stringify`, which knows no maps. */
function showMaps(_key: string, value: unknown): unknown {
  return value instanceof Map ? [...value] : value;
}
