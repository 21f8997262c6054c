import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { TestClock } from "../../../src/base/test_clock.ts";
import { taskContext } from "../../../src/queue/context/task_context.ts";
import { occurrenceId } from "../../../src/queue/schedule/occurrence.ts";
import { Worker } from "../../../src/queue/worker.ts";
import { eventually } from "../../support/poll.ts";
import { behaviour } from "../behaviour.ts";
import { onRedis } from "../brokers.ts";
import { testsUseRedis } from "../../../scripts/switches.mjs";
import { Lines, running, Stage } from "../stage.ts";
import { SchedulerRig } from "./scheduler_rig.ts";

const hour = 3_600_000;
const far = 4_000_000_000_000;

behaviour("Scheduler.keep()", (stage) => {
  it("puts schedules right whose next occurrence is due too late, and withdraws that occurrence", async () => {
    const rig = await SchedulerRig.open(stage, { idleTimeout: 200 });
    rig.register("cron", "@hourly");
    const data = rig.codec.encodeTask("cron", { fnName: "cron", args: [], kwargs: {}, createdTime: 1 });
    const cron = { name: "cron", isStatic: true, expression: "@hourly", timeZone: "UTC", priority: "normal", data };
    await rig.broker.schedule(cron, { taskId: "late", data, time: far });
    for (let i = 0; i < 250; i++) await rig.repeat(`task-${i}`, "@hourly", far);
    await rig.repeat("right", "@yearly", Date.UTC(new Date().getUTCFullYear() + 1, 0));
    await rig.keepUntil(async () => {
      await eventually(async () => {
        const times = await rig.times();
        assertEquals(times.size, 252);
        assertEquals([...times].filter(([name, time]) => name !== "right" && time > Date.now() + hour), []);
      }, { timeout: 8000 });
    });
    const next = (await rig.times()).get("cron")!;
    assertEquals(await rig.broker.state("late"), "missing");
    assertEquals((await rig.broker.find(occurrenceId("cron", next), { relatives: 0 }))?.dueTime, next);
    // The first occurrence of a task keeps its id, under which its result is waited for.
    assertEquals((await rig.broker.find("task-249", { relatives: 0 }))?.dueTime, next);
    assertEquals(await rig.broker.size({ includeScheduled: true }), 252);
    await rig.broker.close();
  });

  it("leaves a schedule alone whose clock was set back by a moment, and one that another version has stored", async () => {
    const rig = await SchedulerRig.open(stage, { idleTimeout: 200 });
    const now = await rig.broker.time();
    await rig.repeat("moment", "* * * * * *", Math.floor(now / 1000) * 1000 + 2000);
    rig.register("cron", "@hourly");
    const data = rig.codec.encodeTask("cron", { fnName: "cron", args: [], kwargs: {}, createdTime: 1 });
    const cron = { name: "cron", isStatic: true, expression: "@yearly", timeZone: "UTC", priority: "normal", data };
    const { time, schedules } = await rig.consumer.scheduling.register(["cron"]);
    assert(Math.abs(time - now) < 5000);
    assertEquals(schedules, [null]);
    await rig.broker.schedule(cron, { taskId: "yearly", data, time: far });
    const { schedules: reviewed } = await rig.consumer.scheduling.review(null);
    assertEquals(reviewed.map(({ name, taskId, waiting }) => [name, taskId, waiting !== null]), [
      ["moment", "moment", true],
      ["cron", "yearly", true],
    ]);
    const revision = { ...reviewed[0]!, time: far, next: { taskId: "x", data, time: far } };
    assertEquals(await rig.consumer.scheduling.revise([revision]), 0, "the schedule has another time");
    await rig.broker.close();
  });
});

describe("a worker whose clock is set back by an hour", () => {
  class ShiftedClock extends TestClock {
    shift = 0;

    override now(): number {
      return super.now() + this.shift;
    }
  }

  it("runs its cron jobs and repeating tasks again at once, none twice for one time that it remembers", async () => {
    const clock = new ShiftedClock({ now: new Date("2027-03-27T12:00:00Z") });
    const options = { redisUrl: "memory://shifted", clock, logger: new Lines(), handleSignals: false };
    await using worker = new Worker({ ...options, idleTimeout: "4s" });
    const ids: string[] = [];
    worker.cron("* * * * * *", () => void ids.push(taskContext().taskId), { name: "job", ttl: "2h" });
    const task = worker.task(() => void ids.push(taskContext().taskId), { name: "task", ttl: "2h" });
    await task.enqueue().start({ schedule: "* * * * * *", id: "repeating" });
    const run = worker.run();
    await clock.advance("10s");
    const before = ids.length;
    assert(before >= 18, `${before} runs`);
    clock.shift = -hour;
    await clock.advance("10s");
    assert(ids.length - before >= 12, `${ids.length - before} runs after the step`);
    assertEquals(new Set(ids).size, ids.length);
    await worker.close();
    await run;
  });
});

if (testsUseRedis()) {
  const stage = new Stage(onRedis);

  describe("a schedule on Redis whose next occurrence is due an age later", () => {
    for (const kind of ["cron job", "repeating task"]) {
      for (const when of ["while its worker runs", "before its worker starts"]) {
        it(`is put right for a ${kind}, ${when}`, async () => {
          const queueName = stage.newQueue();
          const ids: string[] = [];
          const note = () => void ids.push(taskContext().taskId);
          const make = async () => {
            const worker = await stage.worker({ queueName, idleTimeout: 600 });
            if (kind === "cron job") worker.cron("* * * * * *", note, { name: "job" });
            const task = worker.task(note, { name: "task" });
            if (kind !== "cron job") await task.enqueue().start({ schedule: "* * * * * *", id: "job" });
            return worker;
          };
          const one = await make();
          let run = running(one);
          await eventually(() => ids.length > 0);
          if (when === "before its worker starts") await run.stop();
          await setBack(one, "job");
          const before = ids.length;
          if (when === "before its worker starts") run = running(await make());
          await eventually(() => ids.length >= before + 3, { timeout: 8000 });
          await run.stop();
          assertEquals(new Set(ids).size, ids.length);
        });
      }
    }
  });
}

/** Makes the next occurrence of a schedule due in the far future, as if the server's clock had been set back. */
async function setBack({ redis, queueName }: Worker<unknown>, name: string): Promise<void> {
  const script = `
    local id = string.match(redis.call('HGET', KEYS[1] .. ':ts:cron', ARGV[1]), '^%a [^:]*:%S+ (.*)$')
    redis.call('ZADD', KEYS[1] .. ':cron:schedule', ARGV[2], ARGV[1])
    redis.call('ZADD', KEYS[1] .. ':queues:delayed:normal', ARGV[2], id)`;
  await redis.command(["EVAL", script, 1, `streaq:${queueName}`, name, far]);
}
