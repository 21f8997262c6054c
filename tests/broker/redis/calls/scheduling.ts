import { due } from "../../../../src/broker/redis/scripts/schedule/due.ts";
import { promote } from "../../../../src/broker/redis/scripts/schedule/promote.ts";
import { register } from "../../../../src/broker/redis/scripts/schedule/register.ts";
import { review } from "../../../../src/broker/redis/scripts/schedule/review.ts";
import { revise } from "../../../../src/broker/redis/scripts/schedule/revise.ts";
import { schedule } from "../../../../src/broker/redis/scripts/schedule/schedule.ts";
import { tick } from "../../../../src/broker/redis/scripts/schedule/tick.ts";
import { unschedule } from "../../../../src/broker/redis/scripts/schedule/unschedule.ts";
import type { ScriptCall } from "./script_call.ts";
import { advance, occurrenceOf, options, priorities, scheduleOf, tickOf, ttl } from "../situation.ts";

/** Calls of the scripts for scheduling. */
export const schedulingCalls: readonly ScriptCall[] = [
  {
    script: "schedule/due.ts",
    title: "due",
    call: ({ redis, keys }) => due(redis, keys, null, options),
  },
  {
    script: "schedule/promote.ts",
    title: "promote",
    call: ({ redis, keys }) => promote(redis, keys, priorities),
    counts: true,
  },
  {
    script: "schedule/register.ts",
    title: "register",
    call: ({ redis, keys }) => register(redis, keys, ["delta", "epsilon"], ttl),
  },
  {
    script: "schedule/review.ts",
    title: "review",
    call: ({ redis, keys }) => review(redis, keys, null, options),
  },
  {
    script: "schedule/revise.ts",
    title: "revise",
    call: ({ redis, keys }) => {
      const revisions = [tickOf("delta", "low"), tickOf("epsilon", "normal")];
      return revise(redis, keys, revisions.map((revision) => ({ ...revision, data: `new data of ${revision.name}` })));
    },
    counts: true,
  },
  {
    script: "schedule/schedule.ts",
    title: "schedule of a cron job that has changed",
    before: advance,
    call: ({ redis, keys }) => {
      const changed = { ...scheduleOf("delta", "normal"), expression: "1 1 * * *" };
      return schedule(redis, keys, changed, occurrenceOf("delta", 3));
    },
    counts: true,
  },
  {
    script: "schedule/schedule.ts",
    title: "schedule of a task",
    call: ({ redis, keys }) => {
      const repeating = { ...scheduleOf("alpha-1", "low"), isStatic: false };
      return schedule(redis, keys, repeating, { ...occurrenceOf("alpha-1", 1), taskId: "alpha-1" });
    },
    counts: true,
  },
  {
    script: "schedule/tick.ts",
    title: "tick",
    call: ({ redis, keys }) => tick(redis, keys, [tickOf("delta", "low"), tickOf("epsilon", "normal")]),
    counts: true,
  },
  {
    script: "schedule/unschedule.ts",
    title: "unschedule that withdraws",
    before: advance,
    call: ({ redis, keys }) => unschedule(redis, keys, "delta", { withdraw: true, token: "token" }),
  },
];
