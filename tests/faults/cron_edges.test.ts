import { describe, it } from "node:test";
import { assertEquals, assertGreater, assertLess } from "@std/assert";
import { systemClock } from "../../src/base/clock.ts";
import { StreaqRetry } from "../../src/base/errors.ts";
import { openBroker } from "../../src/broker/open.ts";
import { taskContext } from "../../src/queue/context/task_context.ts";
import { occurrenceId } from "../../src/queue/schedule/occurrence.ts";
import { onRedis } from "../queue/brokers.ts";
import { clockPasses, Lines, running, sleep, Stage } from "../queue/stage.ts";
import { eventually } from "../support/poll.ts";
import { startRedis } from "../support/redis_server.ts";
import { commandCalls, scriptCalls } from "./server_info.ts";

const stage = new Stage(onRedis);
const cronKeys = [":cron:jobs", ":cron:schedule", ":ts:cron", ":ts:crons", ":cron:data:job"];

describe("a worker with a cron job", () => {
  it("enqueues other jobs while the delayed tasks of a priority have the wrong type, and its jobs later", async () => {
    const lines = new Lines();
    const worker = await stage.worker({ idleTimeout: 400, priorities: ["low", "high"], logger: lines });
    let [low, high] = [0, 0];
    worker.cron("* * * * * *", () => void low++, { name: "low-job" });
    const other = worker.task(() => void high++, { name: "other" });
    const run = running(worker);
    await other.enqueue().start({ schedule: "* * * * * *", priority: "high" });
    await eventually(() => low > 0 && high > 0);
    const key = `streaq:${worker.queueName}:queues:delayed:low`;
    await worker.redis.command(["SET", key, "x"]);
    await eventually(() => lines.with("next occurrence of schedule low-job").some((line) => line.includes(key)));
    const before = [low, high] as const;
    const [scripts, start] = [await scriptCalls(worker.redis), systemClock.monotonic()];
    await eventually(() => high >= before[1] + 2);
    const seconds = (systemClock.monotonic() - start) / 1000;
    assertLess((await scriptCalls(worker.redis) - scripts) / seconds, 200, "it tries again after a pause");
    await worker.redis.command(["DEL", key]);
    await eventually(() => low > before[0]);
    assertEquals(lines.with("next occurrence of schedule").length, 1);
    await run.stop();
  });

  for (const key of cronKeys) {
    it(`runs delayed tasks and retries when ${key} has the wrong type`, async () => {
      const worker = await stage.worker({ idleTimeout: 400 });
      worker.cron("* * * * * *", () => {}, { name: "job" });
      const again = worker.task(() => {
        if (taskContext().tries === 1) throw new StreaqRetry("again", { delay: 50 });
        return "done";
      }, { name: "again" });
      await worker.redis.command(["LPUSH", `streaq:${worker.queueName}${key}`, "x"]);
      const run = running(worker);
      const task = await again.enqueue().start({ delay: 100 });
      assertEquals((await task.result({ timeout: "4s" })).result, "done");
      await run.stop();
    });

    it(`runs delayed tasks when ${key} gets the wrong type while it runs`, async () => {
      const lines = new Lines();
      const worker = await stage.worker({ idleTimeout: 400, logger: lines });
      let runs = 0;
      worker.cron("* * * * * *", () => void runs++, { name: "job" });
      const delayed = worker.task(() => "done", { name: "delayed" });
      const run = running(worker);
      await eventually(() => runs > 0);
      assertEquals(lines.problems, []);
      // In one script, since the worker may write the key in between.
      const script = "redis.call('DEL', KEYS[1]) redis.call('LPUSH', KEYS[1], 'x')";
      await worker.redis.command(["EVAL", script, 1, `streaq:${worker.queueName}${key}`]);
      // By then the worker has met the key: it has logged that, or has replaced the key and continues.
      const before = runs;
      await eventually(() => lines.problems.length > 0 || runs >= before + 2);
      const task = await delayed.enqueue().start({ delay: 100 });
      assertEquals((await task.result({ timeout: "4s" })).result, "done");
      await run.stop();
    });

    it(`sends few commands when ${key} is lost, and the job continues`, async () => {
      const worker = await stage.worker({ idleTimeout: 1000 });
      let runs = 0;
      worker.cron("* * * * * *", () => void runs++, { name: "job" });
      const run = running(worker);
      await eventually(() => runs > 0);
      const { redis } = worker;
      await redis.command(["DEL", `streaq:${worker.queueName}${key}`]);
      await redis.command(["CONFIG", "RESETSTAT"]);
      const before = runs;
      await eventually(() => runs >= before + 3, { timeout: 8000 });
      // Commands inside scripts included; about 110 a second are usual.
      const calls = [...(await commandCalls(redis)).values()].reduce((sum, count) => sum + count, 0);
      await run.stop();
      assertLess(calls, 1000);
    });
  }
});

describe("a server whose memory is full", () => {
  it("still promotes delayed tasks, also for a worker that joins then, and loses no cron job", async () => {
    await using server = await startRedis({ args: ["--maxmemory-policy", "noeviction"] });
    const options = { redisUrl: server.url, queueName: stage.newQueue(), idleTimeout: 1000 };
    const make = async () => {
      const worker = await stage.worker(options);
      worker.cron("* * * * * *", () => void runs++, { name: "job" });
      const job = worker.task(() => "done", { name: "delayed" });
      return { worker, job };
    };
    let runs = 0;
    const [one, two] = [await make(), await make()];
    const first = running(one.worker);
    await eventually(() => runs > 0);
    const sooner = await one.job.enqueue().start({ delay: 2500 });
    const later = await one.job.enqueue().start({ delay: 4500 });
    const { redis } = await stage.worker({ redisUrl: server.url });
    await redis.command(["CONFIG", "SET", "maxmemory", "1mb"]);
    try {
      assertEquals((await sooner.result({ timeout: "6s" })).result, "done");
      await first.stop();
      const second = running(two.worker);
      assertEquals((await later.result({ timeout: "6s" })).result, "done");
      await redis.command(["CONFIG", "SET", "maxmemory", "0"]);
      const before = runs;
      await eventually(() => runs > before + 1, { timeout: 8000 });
      await second.stop();
    } finally {
      await redis.command(["CONFIG", "SET", "maxmemory", "0"]);
      await first.stop();
    }
  });

  it("still accepts the heartbeats of an idle worker", async () => {
    await using server = await startRedis({ args: ["--maxmemory-policy", "noeviction"] });
    const worker = await stage.worker({ redisUrl: server.url, idleTimeout: 600 });
    const run = running(worker);
    const { redis } = await stage.worker({ redisUrl: server.url });
    const ttlOf = () => redis.command<number>(["PTTL", `streaq:${worker.queueName}:health:${worker.id}`]);
    await eventually(async () => await ttlOf() > 0);
    await redis.command(["CONFIG", "SET", "maxmemory", "1mb"]);
    let [heartbeats, ttl] = [0, await ttlOf()];
    // Every heartbeat raises the ttl of the key, which has expired when it is negative.
    await eventually(async () => {
      const previous = ttl;
      ttl = await ttlOf();
      if (ttl > previous) heartbeats++;
      return ttl < 0 || heartbeats === 10;
    });
    assertEquals(heartbeats, 10);
    await redis.command(["CONFIG", "SET", "maxmemory", "0"]);
    await run.stop();
  });
});

describe("a cron job", () => {
  it("is not removed by a worker without it that starts before a worker with it", async () => {
    const queueName = stage.newQueue();
    const runs: string[] = [];
    const workerWithJob = async () => {
      const worker = await stage.worker({ queueName, idleTimeout: 1000 });
      worker.cron("*/2 * * * * *", () => void runs.push(taskContext().taskId), { name: "job" });
      return worker;
    };
    const first = running(await workerWithJob());
    await eventually(() => runs.length > 0);
    await first.stop();
    const { nextRun } = (await (await workerWithJob()).schedules())[0]!;
    // The occurrence must be overdue by more than idleTimeout: until then every worker keeps the job.
    await clockPasses(nextRun + 1200);
    const lines = new Lines();
    const without = await stage.worker({ queueName, idleTimeout: 1000, logger: lines, priorities: ["other"] });
    const [second, third] = [running(without), running(await workerWithJob())];
    await eventually(() => runs.includes(occurrenceId("job", nextRun)), {
      timeout: 4000,
      message: "the overdue occurrence runs",
    });
    assertEquals(lines.problems, []);
    await Promise.all([second.stop(), third.stop()]);
  });

  it("stays registered while its worker lives, although a worker with a smaller idleTimeout registers others", async () => {
    const { server } = await stage.broker;
    const large = await stage.worker({ idleTimeout: 20_000 });
    const { redis, queueName } = large;
    large.cron("@yearly", () => {}, { name: "job" });
    const run = running(large);
    const key = `streaq:${queueName}:ts:crons`;
    await eventually(async () => await redis.command(["ZSCORE", key, "job"]) !== null);
    // It has not joined, so it does not know the larger idleTimeout yet.
    await using broker = openBroker({
      ...{ redisUrl: server.url, redisOptions: {}, redis: undefined, queueName, priorities: ["normal"] },
      ...{ binary: false, isInThread: false, clock: systemClock, logger: new Lines() },
      reader: { hasSucceeded: () => true, failDependent: () => ({ result: "", ttl: null }) },
    });
    const small = broker.consumer({ name: "small-0123abcd", priorities: ["normal"], idleTimeout: 300 });
    assertEquals((await small.scheduling.register(["other"])).schedules, [null]);
    assertGreater(await redis.command<number>(["PTTL", key]), 10_000);
    assertGreater(Number(await redis.command(["ZSCORE", key, "job"])), Date.now() + 10_000);
    await run.stop();
  });

  it("is removed with one warning, however many workers see that no worker registers it any more", async () => {
    const queueName = stage.newQueue();
    let runs = 0;
    const old = await stage.worker({ queueName, idleTimeout: 300 });
    old.cron("* * * * * *", () => void runs++, { name: "gone" });
    const lines = new Lines();
    const others = await Promise.all(
      [1, 2, 3, 4].map(() => stage.worker({ queueName, idleTimeout: 300, logger: lines })),
    );
    const first = running(old);
    await eventually(() => runs > 0);
    const rest = others.map((worker) => running(worker));
    const { redis } = others[0]!;
    await eventually(async () => assertEquals(await redis.command(["ZCARD", `streaq:${queueName}:ts:workers`]), 5));
    await first.stop();
    await eventually(async () => (await others[0]!.schedules()).length === 0, { timeout: 10_000 });
    // Each worker has sent several heartbeats since, so each has seen that the job is gone.
    const before = await scriptCalls(redis);
    await eventually(async () => await scriptCalls(redis) >= before + 4 * others.length);
    await Promise.all(rest.map((run) => run.stop()));
    assertEquals(lines.problems.filter((line) => line.includes("cron job gone")).length, 1);
  });
});

describe("a scheduled task", () => {
  it("is not removed by a worker with another signing secret", async () => {
    const queueName = stage.newQueue();
    const options = { queueName, idleTimeout: 20_000 };
    let runs = 0;
    const right = await stage.worker({ ...options, signingSecret: "r".repeat(32) });
    const job = right.task(() => void runs++, { name: "job" });
    await job.enqueue().start({ schedule: "* * * * * *", id: "mine" });
    const lines = new Lines();
    const wrong = await stage.worker({ ...options, signingSecret: "w".repeat(32), logger: lines });
    wrong.task(() => {}, { name: "job" });
    const run = running(wrong);
    await eventually(() => lines.with("schedule mine is left to other workers").length > 0);
    assertEquals((await right.schedules()).map(({ id }) => id), ["mine"]);
    assertEquals(runs, 0);
    await run.stop();
  });
});

describe("a cron expression with a last occurrence", () => {
  it("runs it and ends the schedule, and its worker then sends few commands", async () => {
    const worker = await stage.worker({ timeZone: "UTC", idleTimeout: 2000 });
    let runs = 0;
    const at = new Date(Date.now() + 2000);
    const [h, m, s] = [at.getUTCHours(), at.getUTCMinutes(), at.getUTCSeconds()];
    const expression = `${s} ${m} ${h} ${at.getUTCDate()} ${at.getUTCMonth() + 1} * ${at.getUTCFullYear()}`;
    worker.cron(expression, () => void runs++, { name: "last" });
    const run = running(worker);
    await eventually(() => runs > 0);
    await eventually(async () => (await worker.schedules()).length === 0);
    await worker.redis.command(["CONFIG", "RESETSTAT"]);
    // The time over which scripts are counted.
    await sleep(2000);
    assertLess(await scriptCalls(worker.redis), 20);
    assertEquals(runs, 1);
    await run.stop();
  });
});
