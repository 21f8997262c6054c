import { it } from "node:test";
import { assertEquals } from "@std/assert";
import type { WorkerOptions } from "../../../src/queue/options/worker_options.ts";
import { encrypted } from "../../../src/queue/records/encrypted.ts";
import { jsonSerializer } from "../../../src/queue/records/json_serializer.ts";
import { occurrenceId } from "../../../src/queue/schedule/occurrence.ts";
import { behaviour } from "../behaviour.ts";
import { keyOf } from "../records/encryption_keys.ts";
import { SchedulerRig } from "./scheduler_rig.ts";

const task = { fnName: "pay", args: [100], kwargs: {}, createdTime: 1 };
const repeated = { isStatic: false, expression: "* * * * * *", timeZone: "UTC", priority: "normal" };

const protections: readonly [string, WorkerOptions<undefined>][] = [
  ["signed", { signingSecret: "s3cret" }],
  ["encrypted", { serializer: encrypted(jsonSerializer, keyOf("key")) }],
];
for (const [how, options] of protections) {
  behaviour(`a queue whose records are ${how}`, (stage) => {
    it("enqueues nothing from the record of a task that was put in place of a schedule", async () => {
      const rig = await SchedulerRig.open(stage, options);
      const time = await rig.broker.time() - 1000;
      const data = rig.codec.encodeTask("id", task);
      await rig.broker.schedule({ ...repeated, name: "id", data }, { taskId: "first", data, time });
      assertEquals((await rig.scheduler.tickDue()).hasChanged, false);
      assertEquals([(await rig.times()).get("id"), await rig.broker.size({ includeScheduled: true })], [time, 1]);
      await rig.broker.close();
    });

    it("enqueues nothing by an expression or a time zone that was changed", async () => {
      const rig = await SchedulerRig.open(stage, options);
      const time = await rig.broker.time() - 1000;
      for (
        const [name, expression, timeZone] of [["a", "@hourly", "UTC"], ["b", "* * * * * *", "Asia/Tokyo"]] as const
      ) {
        const data = rig.codec.encodeSchedule({ name, expression, timeZone }, task);
        await rig.broker.schedule({ ...repeated, name, data }, { taskId: `${name}-1`, data, time });
      }
      assertEquals((await rig.scheduler.tickDue()).hasChanged, false);
      assertEquals([...(await rig.times()).values()], [time, time]);
      await rig.broker.close();
    });
  });
}

for (const signingSecret of [undefined, "s3cret"]) {
  behaviour(`a cron job of a queue ${signingSecret ? "with" : "without"} a secret`, (stage) => {
    it("follows the code of its worker, whatever expression, time zone and record are stored", async () => {
      const rig = await SchedulerRig.open(stage, { signingSecret });
      rig.register("job", "0 0 1 1 *");
      const time = await rig.broker.time() - 1000;
      const data = rig.codec.encodeTask("job", { ...task, fnName: "pay" });
      for (const isStatic of [true, false]) {
        const tampered = { ...repeated, isStatic, timeZone: "Asia/Tokyo", name: "job", data };
        await rig.broker.schedule(tampered, { taskId: "first", data, time });
        assertEquals((await rig.scheduler.tickDue()).hasChanged, true);
        const next = Date.UTC(new Date(time).getUTCFullYear() + 1, 0);
        assertEquals((await rig.times()).get("job"), next);
        const id = occurrenceId("job", next);
        const found = await rig.broker.find(id, { relatives: 0 });
        const { fnName, args } = rig.codec.decodeTask(id, found!.data);
        assertEquals([found!.dueTime, fnName, args], [next, "job", []]);
        await rig.broker.unschedule("job", { withdraw: true });
      }
      await rig.broker.close();
    });
  });
}
