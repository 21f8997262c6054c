import { it } from "node:test";
import { assertEquals } from "@std/assert";
import type { WorkerOptions } from "../../../src/queue/options/worker_options.ts";
import { encrypted } from "../../../src/queue/records/encrypted.ts";
import { jsonSerializer } from "../../../src/queue/records/json_serializer.ts";
import { occurrenceId } from "../../../src/queue/schedule/occurrence.ts";
import { eventually } from "../../support/poll.ts";
import { behaviour } from "../behaviour.ts";
import type { Stage } from "../stage.ts";
import { keyOf } from "../records/encryption_keys.ts";
import { SchedulerRig } from "./scheduler_rig.ts";

const nextYear = Date.UTC(new Date().getUTCFullYear() + 1, 0);

/** Makes the options of a worker that has these secrets, the first of which signs or encrypts. */
type Protection = (names: readonly string[]) => WorkerOptions<undefined>;

const protections: readonly [string, Protection][] = [
  ["a signing secret", (names) => ({ signingSecret: names })],
  ["an encryption key", (names) => ({ serializer: encrypted(jsonSerializer, names.map(keyOf)) })],
];

/** A worker with a yearly cron job. */
async function open(
  stage: Stage,
  queueName: string,
  protect: Protection,
  ...names: readonly string[]
): Promise<SchedulerRig> {
  const options = names.length > 0 ? protect(names) : {};
  const rig = await SchedulerRig.open(stage, { queueName, idleTimeout: 200, ...options });
  rig.register("cron", "@yearly");
  return rig;
}

/** Runs the scheduler of a worker until the waiting occurrences of some schedules can be read with a secret alone. */
async function keepUntilReadable(
  rig: SchedulerRig,
  { codec }: SchedulerRig,
  names: readonly string[],
): Promise<void> {
  await rig.keepUntil(async () => {
    await eventually(async () => {
      const { schedules } = await rig.consumer.scheduling.review(null);
      assertEquals(schedules.map(({ name }) => name).sort(), [...names].sort());
      for (const schedule of schedules) {
        codec.decodeSchedule(schedule, schedule.data);
        codec.decodeTask(schedule.taskId, schedule.waiting!);
      }
    });
  });
}

for (const [kind, protect] of protections) {
  behaviour(`${kind} that is replaced in the three steps of the documentation`, (stage) => {
    it("renews the occurrence that waits, of cron jobs and of repeating tasks, without another change", async () => {
      const queueName = stage.newQueue();
      const one = await open(stage, queueName, protect, "old", "new");
      await one.repeat("task", "@yearly", nextYear);
      await keepUntilReadable(one, one, ["cron", "task"]);
      const two = await open(stage, queueName, protect, "new", "old");
      const three = await open(stage, queueName, protect, "new");
      await keepUntilReadable(two, three, ["cron", "task"]);
      assertEquals([...await three.times()], [["cron", nextYear], ["task", nextYear]]);
      const found = await three.broker.find(occurrenceId("cron", nextYear), { relatives: 0 });
      assertEquals([found?.state, found?.dueTime], ["scheduled", nextYear]);
      const { createdTime } = three.codec.decodeTask("task", (await three.broker.find("task", { relatives: 0 }))!.data);
      assertEquals([createdTime, await three.broker.size({ includeScheduled: true })], [1, 2]);
      await Promise.all([one, two, three].map(({ broker }) => broker.close()));
    });

    it("leaves an occurrence that was aborted as it is", async () => {
      const queueName = stage.newQueue();
      const one = await open(stage, queueName, protect, "old");
      await keepUntilReadable(one, one, ["cron"]);
      const taskId = occurrenceId("cron", nextYear);
      await one.broker.abort({ taskId, result: "aborted", ttl: 60_000, mark: "m" });
      const two = await open(stage, queueName, protect, "new", "old");
      await two.keepUntil(async () => {
        await eventually(async () => {
          const [schedule] = (await two.consumer.scheduling.review(null)).schedules;
          assertEquals(two.codec.signerOfSchedule(schedule!, schedule!.data), "first");
        });
      });
      assertEquals(await two.broker.state(taskId), "done");
      await Promise.all([one, two].map(({ broker }) => broker.close()));
    });
  });

  behaviour(`${kind} that replaces another one at once, or is the first`, (stage) => {
    for (const before of [["leaked"], []]) {
      it(`renews the waiting occurrence of a cron job, but no repeating task ${before}`, async () => {
        const queueName = stage.newQueue();
        const one = await open(stage, queueName, protect, ...before);
        await one.repeat("task", "@yearly", nextYear);
        await keepUntilReadable(one, one, ["cron", "task"]);
        const two = await open(stage, queueName, protect, "new");
        await two.keepUntil(async () => {
          await eventually(async () => {
            const { schedules } = await two.consumer.scheduling.review(null);
            const signers = schedules.map(({ name, waiting }) => [name, two.codec.signerOfTask(waiting!)]);
            assertEquals(signers, [["cron", "first"], ["task", "none"]]);
          });
        });
        await Promise.all([one, two].map(({ broker }) => broker.close()));
      });
    }
  });
}
