import { it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import type { SchedulePlace } from "../../../src/broker/contract/schedule.ts";
import { DueCursor } from "../../../src/queue/schedule/due_cursor.ts";
import { behaviour } from "../behaviour.ts";
import { running, type Stage } from "../stage.ts";
import { eventually } from "../../support/poll.ts";
import { SchedulerRig } from "./scheduler_rig.ts";

/** Calls Scheduler.tickDue() until it says that nothing is left to do now; returns the number of calls and the wait. */
async function tickAll({ scheduler }: SchedulerRig): Promise<{ calls: number; next: number | null }> {
  for (let calls = 1; calls < 100; calls++) {
    const { hasChanged, next } = await scheduler.tickDue();
    if (!hasChanged && next !== 0) return { calls, next };
  }
  throw new Error("There is always more to do");
}

/** Schedules tasks that a worker with another secret must enqueue, due at a time. */
async function leave(stage: Stage, queueName: string, count: number, time: number): Promise<void> {
  const other = await SchedulerRig.open(stage, { queueName, signingSecret: "other" });
  await Promise.all(Array.from({ length: count }, (_, i) => other.repeat(`other-${i}`, "@hourly", time)));
  await other.broker.close();
}

behaviour("Scheduler.tickDue()", (stage) => {
  it("enqueues what this worker can behind 250 schedules that it cannot", async () => {
    const rig = await SchedulerRig.open(stage, { signingSecret: "mine" });
    const now = await rig.broker.time();
    await leave(stage, rig.queueName, 250, now - 20_000);
    for (let i = 0; i < 150; i++) await rig.repeat(`mine-${i}`, "@yearly", now - 10_000);
    const { calls, next } = await tickAll(rig);
    assert(calls <= 8, `${calls} calls`);
    const times = await rig.times();
    assertEquals([...times].filter(([name, time]) => name.startsWith("mine") && time <= now), []);
    assertEquals([...times].filter(([name, time]) => name.startsWith("other") && time <= now).length, 250);
    assert(next! > 29_000 && next! <= 30_000, `it looks again after half an idleTimeout, in ${next} ms`);
    await rig.broker.close();
  });

  it("finds a schedule that becomes due later, without looking at the others again", async () => {
    const rig = await SchedulerRig.open(stage, { signingSecret: "mine" });
    const now = await rig.broker.time();
    await leave(stage, rig.queueName, 120, now - 20_000);
    await tickAll(rig);
    await rig.repeat("mine", "@yearly", await rig.broker.time() + 300);
    await eventually(async () => {
      const { hasChanged } = await rig.scheduler.tickDue();
      return hasChanged;
    });
    const { due } = rig.consumer.scheduling;
    let seen = 0;
    rig.consumer.scheduling.due = async (after) => {
      const answer = await due.call(rig.consumer.scheduling, after);
      seen += answer.due.length;
      return answer;
    };
    for (let i = 0; i < 5; i++) await rig.scheduler.tickDue();
    assertEquals(seen, 0);
    await rig.broker.close();
  });

  it("says when the first schedule is due that is not due yet, and null for none", async () => {
    const rig = await SchedulerRig.open(stage);
    assertEquals(await rig.scheduler.tickDue(), { hasChanged: false, next: null });
    await rig.repeat("mine", "@yearly", await rig.broker.time() + 60_000);
    const { hasChanged, next } = await rig.scheduler.tickDue();
    assert(!hasChanged && next! > 59_000 && next! <= 60_000, `${next}`);
    await rig.broker.close();
  });

  it("continues where a schedule was that has another due time by now", async () => {
    const rig = await SchedulerRig.open(stage);
    const now = await rig.broker.time();
    for (const [i, name] of ["a", "b", "c", "d"].entries()) await rig.repeat(name, "@yearly", now - 9000 + i * 1000);
    const { scheduling } = rig.consumer;
    const names = async (after: SchedulePlace | null) => (await scheduling.due(after)).due.map(({ name }) => name);
    assertEquals(await names({ name: "b", time: now - 8000 }), ["c", "d"]);
    assertEquals(await names({ name: "gone", time: now - 7500 }), ["c", "d"]);
    assertEquals(await names({ name: "a", time: now + 60_000 }), ["a", "b", "c", "d"], "the clock was set back");
    await rig.broker.close();
  });

  it("leaves an unknown time zone, and the job of a service that is down, to other workers", async () => {
    const rig = await SchedulerRig.open(stage);
    const now = await rig.broker.time();
    for (let i = 0; i < 100; i++) await rig.repeat(`zone-${i}`, "@hourly", now - 20_000, { timeZone: "Mars/Base" });
    const data = rig.codec.encodeTask("down", { fnName: "down", args: [], kwargs: {}, createdTime: 1 });
    const down = { isStatic: true, expression: "@hourly", timeZone: "UTC", priority: "normal", data };
    for (let i = 0; i < 100; i++) {
      const occurrence = { taskId: `down-${i}-1`, data, time: now - 15_000 };
      await rig.broker.schedule({ ...down, name: `down-${i}` }, occurrence);
    }
    await rig.repeat("mine", "@hourly", now - 10_000);
    await tickAll(rig);
    const times = await rig.times();
    assertEquals([times.size, times.get("mine")! > now], [201, true]);
    await rig.broker.close();
  });
});

behaviour("a worker", (stage) => {
  it("runs a cron job every second behind 150 due schedules that it cannot enqueue", async () => {
    const queueName = stage.newQueue();
    await leave(stage, queueName, 150, Date.now() - 20_000);
    const worker = await stage.worker({ queueName, signingSecret: "mine" });
    let runs = 0;
    worker.cron("* * * * * *", () => void runs++, { name: "job" });
    const run = running(worker);
    await eventually(() => runs >= 4, { timeout: 10_000 });
    await run.stop();
  });
});

it("a DueCursor passes over schedules that were left long ago, and begins at the front again after its interval", () => {
  const cursor = new DueCursor(1000);
  const [old, fresh]: SchedulePlace[] = [{ name: "a", time: 1 }, { name: "b", time: 99_000 }] as SchedulePlace[];
  const page = { time: 100_000, last: fresh, hasChanged: false };
  assertEquals([cursor.place(0), cursor.untilFront(0)], [null, null]);
  cursor.advance({ ...page, left: [old!, fresh!], unfinished: true }, 0);
  assertEquals([cursor.place(0), cursor.untilFront(400)], [fresh!, 600]);
  cursor.advance({ ...page, left: [], unfinished: false }, 500);
  // A schedule that is catching up may still get a time near that of a fresh one.
  assertEquals([cursor.place(999), cursor.untilFront(999)], [old!, 1]);
  assertEquals([cursor.place(1000), cursor.untilFront(1000)], [null, null]);
});
