import { fanOut } from "../../../../src/broker/redis/scripts/dependents/fan_out.ts";
import { mend } from "../../../../src/broker/redis/scripts/dependents/mend.ts";
import { abort } from "../../../../src/broker/redis/scripts/end/abort.ts";
import { finish } from "../../../../src/broker/redis/scripts/end/finish.ts";
import { retry } from "../../../../src/broker/redis/scripts/end/retry.ts";
import { release } from "../../../../src/broker/redis/scripts/lease/release.ts";
import type { ScriptCall } from "./script_call.ts";
import {
  cancellation,
  completionsOf,
  consumer,
  listRelease,
  options,
  priorities,
  run,
  runAndFinish,
  ttl,
} from "../situation.ts";

/** Calls of the scripts for completing. */
export const completingCalls: readonly ScriptCall[] = [
  {
    script: "dependents/fan_out.ts",
    title: "fan_out that releases",
    before: listRelease,
    call: ({ redis, keys }) => fanOut(redis, keys, [], options),
    counts: true,
  },
  {
    script: "dependents/fan_out.ts",
    title: "fan_out that fails",
    before: (all) => runAndFinish(all, false),
    call: ({ redis, keys }) => {
      return fanOut(redis, keys, [{ taskId: "gamma", dependency: "alpha", result: "failed gamma", ttl }], options);
    },
    counts: true,
  },
  {
    script: "dependents/mend.ts",
    title: "mend",
    before: ({ redis, keys }) => redis.command(["DEL", keys.data("alpha")]),
    call: ({ redis, keys }) => mend(redis, keys, "0"),
  },
  {
    script: "end/abort.ts",
    title: "abort of a running task with dependents",
    before: run,
    call: ({ redis, keys }) => abort(redis, keys, priorities, cancellation),
  },
  {
    script: "end/abort.ts",
    title: "abort of a task that has not started",
    call: ({ redis, keys }) => abort(redis, keys, priorities, cancellation),
  },
  {
    script: "end/abort.ts",
    title: "abort of a deferred task",
    call: ({ redis, keys }) => abort(redis, keys, priorities, { ...cancellation, taskId: "gamma", ttl: 0 }),
  },
  {
    script: "end/abort.ts",
    title: "abort of a delayed task",
    call: ({ redis, keys }) => abort(redis, keys, priorities, { ...cancellation, taskId: "delta-1" }),
  },
  {
    script: "end/abort.ts",
    title: "abort of an unknown task",
    call: ({ redis, keys }) => abort(redis, keys, priorities, { ...cancellation, taskId: "unknown" }),
  },
  {
    script: "end/finish.ts",
    title: "finish of successes",
    before: run,
    call: (all) => finish(all.redis, all.keys, consumer.name, completionsOf(all, true)),
  },
  {
    script: "end/finish.ts",
    title: "finish of failures",
    before: run,
    call: (all) => finish(all.redis, all.keys, consumer.name, completionsOf(all, false)),
  },
  {
    script: "end/finish.ts",
    title: "finish of results that are not kept",
    before: run,
    call: (all) => finish(all.redis, all.keys, consumer.name, completionsOf(all, false, 0)),
  },
  {
    script: "end/finish.ts",
    title: "finish after the leases were lost",
    before: ({ redis, keys, deliveries }) => release(redis, keys, consumer.name, deliveries),
    call: (all) => finish(all.redis, all.keys, consumer.name, completionsOf(all, false)),
  },
  {
    script: "end/retry.ts",
    title: "retry, free for the first task",
    before: run,
    call: ({ redis, keys, deliveries }) => {
      const deferrals = deliveries.map((delivery, n) => ({ delivery, tries: n, until: new Date(5000) }));
      return retry(redis, keys, consumer.name, deferrals);
    },
  },
  {
    script: "end/retry.ts",
    title: "retry after the leases were lost, though the number of tries matches",
    before: async ({ redis, keys, deliveries }) => {
      await redis.command(["SET", keys.tries("alpha"), 1]);
      await release(redis, keys, consumer.name, deliveries);
    },
    call: ({ redis, keys, deliveries: [delivery] }) => {
      return retry(redis, keys, consumer.name, [{ delivery, tries: 1, until: 5000 }]);
    },
  },
];
