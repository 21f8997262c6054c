import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { StreaqRetry } from "../../src/base/errors.ts";
import { taskContext } from "../../src/queue/context/task_context.ts";
import { occurrenceId } from "../../src/queue/schedule/occurrence.ts";
import { onRedis } from "../queue/brokers.ts";
import { Lines, running, sleep, Stage } from "../queue/stage.ts";
import { eventually } from "../support/poll.ts";
import { startRedis } from "../support/redis_server.ts";

const stage = new Stage(onRedis);

describe("cron keys of the wrong type, or half of them", () => {
  for (const key of [":cron:jobs", ":cron:schedule", ":ts:cron", ":ts:crons", ":cron:data:job"]) {
    it(`where ${key} is of the wrong type, tasks that wait for their time and retries go on`, async () => {
      const worker = await stage.worker({ idleTimeout: 400 });
      worker.cron("* * * * * *", () => {}, { name: "job" });
      const again = worker.task(() => {
        if (taskContext().tries === 1) throw new StreaqRetry("again", { delay: 50 });
        return "done";
      }, { name: "again" });
      const wrong = `streaq:${worker.queueName}${key}`;
      await worker.redis.command(["LPUSH", wrong, "x"]);
      const run = running(worker);
      const first = await again.enqueue().start({ delay: 100 });
      assertEquals((await first.result({ timeout: "4s" })).result, "done");
      await run.stop();
    });

    it(`where ${key} becomes of the wrong type while a worker runs, they go on too`, async () => {
      const worker = await stage.worker({ idleTimeout: 400 });
      let runs = 0;
      worker.cron("* * * * * *", () => void runs++, { name: "job" });
      const again = worker.task(() => "done", { name: "again" });
      const wrong = `streaq:${worker.queueName}${key}`;
      const run = running(worker);
      await eventually(() => runs > 0);
      // In one go: the worker writes there too.
      await worker.redis.command(["EVAL", "redis.call('DEL', KEYS[1]) redis.call('LPUSH', KEYS[1], 'x')", 1, wrong]);
      await sleep(1500);
      const first = await again.enqueue().start({ delay: 100 });
      assertEquals((await first.result({ timeout: "4s" })).result, "done");
      await run.stop();
    });
  }

  for (const key of [":cron:jobs", ":cron:schedule", ":ts:cron", ":ts:crons", ":cron:data:job"]) {
    it(`where ${key} is gone, a worker stays quiet, and the job comes back`, async () => {
      const worker = await stage.worker({ idleTimeout: 1000 });
      let runs = 0;
      worker.cron("* * * * * *", () => void runs++, { name: "job" });
      const run = running(worker);
      await eventually(() => runs > 0);
      const { redis } = worker;
      await redis.command(["DEL", `streaq:${worker.queueName}${key}`]);
      const commands = async () =>
        Number(/total_commands_processed:(\d+)/.exec(await redis.command<string>(["INFO", "stats"]))![1]);
      await sleep(1100);
      const before = await commands();
      await sleep(2000);
      const sent = await commands() - before;
      const ran = runs;
      const back = await eventually(() => runs > ran + 1, { timeout: 6000 }).catch(() => false);
      await run.stop();
      assertEquals([back, sent < 500], [true, true], `${sent} commands in 2 s`);
    });
  }
});

describe("cron where memory is full", () => {
  it("tasks that wait for their time and retries go on, also in a worker that starts then, and no job is lost", async () => {
    await using server = await startRedis({ args: ["--maxmemory-policy", "noeviction"] });
    const options = { redisUrl: server.url, queueName: stage.newQueue(), idleTimeout: 1000 };
    const make = async () => {
      const worker = await stage.worker(options);
      worker.cron("* * * * * *", () => void runs++, { name: "job" });
      const job = worker.task(() => "done", { name: "again" });
      return { worker, job };
    };
    let runs = 0;
    const [one, two] = [await make(), await make()];
    const run = running(one.worker);
    await eventually(() => runs > 0);
    const delayed = await one.job.enqueue().start({ delay: 2500 });
    const later = await one.job.enqueue().start({ delay: 4500 });
    const { redis } = await stage.worker({ redisUrl: server.url });
    await redis.command(["CONFIG", "SET", "maxmemory", "1mb"]);
    try {
      assertEquals((await delayed.result({ timeout: "6s" })).result, "done");
      await run.stop();
      const second = running(two.worker);
      assertEquals((await later.result({ timeout: "6s" })).result, "done");
      await redis.command(["CONFIG", "SET", "maxmemory", "0"]);
      const before = runs;
      await eventually(() => runs > before + 1, { timeout: 8000 });
      await second.stop();
    } finally {
      await redis.command(["CONFIG", "SET", "maxmemory", "0"]);
      await run.stop();
    }
  });

  it("an idle worker is still known to live", async () => {
    await using server = await startRedis({ args: ["--maxmemory-policy", "noeviction"] });
    const worker = await stage.worker({ redisUrl: server.url, idleTimeout: 600 });
    const run = running(worker);
    const key = `streaq:${worker.queueName}:health:${worker.id}`;
    const { redis } = await stage.worker({ redisUrl: server.url });
    await eventually(async () => await redis.command<number>(["EXISTS", key]) === 1);
    await redis.command(["CONFIG", "SET", "maxmemory", "1mb"]);
    for (let i = 0; i < 30; i++) {
      await sleep(100);
      assertEquals(await redis.command(["EXISTS", key]), 1, `after ${i}00 ms`);
    }
    await redis.command(["CONFIG", "SET", "maxmemory", "0"]);
    await run.stop();
  });
});

describe("a job of the code", () => {
  it("is not removed by a worker that does not know it and starts before the one that does", async () => {
    const queueName = stage.newQueue();
    const runs: string[] = [];
    const knowing = async () => {
      const worker = await stage.worker({ queueName, idleTimeout: 1000 });
      worker.cron("*/2 * * * * *", () => void runs.push(taskContext().taskId), { name: "job" });
      return worker;
    };
    const first = running(await knowing());
    await eventually(() => runs.length > 0);
    await first.stop();
    const { nextRun } = (await (await knowing()).schedules())[0]!;
    await sleep(Math.max(0, nextRun - Date.now()) + 1200);
    const lines = new Lines();
    const ignorant = await stage.worker({ queueName, idleTimeout: 1000, logger: lines, priorities: ["other"] });
    const [second, third] = [running(ignorant), running(await knowing())];
    await eventually(() => runs.includes(occurrenceId("job", nextRun)), { timeout: 4000, message: "it runs late" });
    assertEquals(lines.with("is removed"), []);
    await Promise.all([second.stop(), third.stop()]);
  });

  it("is not removed while a worker lives that knows it, when one of a small idleTimeout knows others", async () => {
    const queueName = stage.newQueue();
    let runs = 0;
    // It learns of larger ones only now and then.
    const small = await stage.worker({ queueName, idleTimeout: 300 });
    small.cron("@yearly", () => {}, { name: "other" });
    const first = running(small);
    await eventually(async () => (await small.schedules()).length === 1);
    await sleep(300);
    const large = await stage.worker({ queueName, idleTimeout: 20_000 });
    large.cron("* * * * * *", () => void runs++, { name: "job" });
    const second = running(large);
    await eventually(() => runs > 0);
    // Ended a moment ago, it has forgotten what it said, but not what others said.
    await first.stop();
    const known = `streaq:${queueName}:ts:crons`;
    for (let i = 0; i < 15; i++) {
      assert(await large.redis.command(["ZSCORE", known, "job"]) !== null, `known, after ${i}00 ms`);
      await sleep(100);
    }
    await second.stop();
  });

  it("that was removed is told of once, however many workers see it", async () => {
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
    await sleep(500);
    await first.stop();
    await eventually(async () => (await others[0]!.schedules()).length === 0, { timeout: 10_000 });
    await sleep(1200);
    await Promise.all(rest.map((run) => run.stop()));
    assertEquals(lines.with("is no longer registered by any worker").length, 1);
  });

  it("outlives workers that hold another signing secret", async () => {
    const queueName = stage.newQueue();
    const options = { queueName, idleTimeout: 20_000 };
    let runs = 0;
    const right = await stage.worker({ ...options, signingSecret: "r".repeat(32) });
    const job = right.task(() => void runs++, { name: "job" });
    await job.enqueue().start({ schedule: "* * * * * *", id: "mine" });
    const wrong = await stage.worker({ ...options, signingSecret: "w".repeat(32) });
    wrong.task(() => {}, { name: "job" });
    const run = running(wrong);
    await sleep(2500);
    assertEquals((await right.schedules()).map(({ id }) => id), ["mine"]);
    await run.stop();
  });
});

describe("a cron job that is over", () => {
  it("ends by itself after its last time, and the worker is quiet", async () => {
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
    await sleep(2000);
    const stats = await worker.redis.command<string>(["INFO", "commandstats"]);
    const calls = Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0);
    assert(calls < 20, `${calls} scripts in 2 s`);
    assertEquals(runs, 1);
    await run.stop();
  });
});
