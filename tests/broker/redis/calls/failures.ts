import { abort } from "../../../../src/broker/redis/scripts/end/abort.ts";
import { finish } from "../../../../src/broker/redis/scripts/end/finish.ts";
import { link } from "../../../../src/broker/redis/scripts/enqueue/link.ts";
import { purge } from "../../../../src/broker/redis/scripts/failures/purge.ts";
import { revive } from "../../../../src/broker/redis/scripts/failures/revive.ts";
import type { ScriptCall } from "./script_call.ts";
import {
  cancellation,
  completionsOf,
  consumer,
  fail,
  failGamma,
  hour,
  keptFailuresOf,
  priorities,
  row,
  run,
  type Situation,
  taskOf,
  ttl,
} from "../situation.ts";

/** Calls of scripts that keep failures, queue failed tasks again, or drop failures. */
export const failureCalls: readonly ScriptCall[] = [
  {
    script: "end/finish.ts",
    title: "finish of failures that are kept",
    before: run,
    call: (all) => finish(all.redis, all.keys, consumer.name, keptFailuresOf(all)),
  },
  {
    script: "end/finish.ts",
    title: "finish of a failure that is kept with its piped input",
    before: async (all) => {
      await all.redis.command(["HSET", all.keys.inputs, "alpha", "alpha-0"]);
      await all.redis.command(["SET", all.keys.output("alpha-0"), "input of alpha"]);
      await run(all);
    },
    call: (all) => finish(all.redis, all.keys, consumer.name, keptFailuresOf(all)),
  },
  {
    script: "end/finish.ts",
    title: "finish of successes in place of earlier failures",
    before: async (all) => {
      await keepEarlier(all);
      await run(all);
    },
    call: (all) => finish(all.redis, all.keys, consumer.name, completionsOf(all, true)),
  },
  {
    script: "end/abort.ts",
    title: "abort in place of an earlier failure",
    before: keepEarlier,
    call: ({ redis, keys }) => abort(redis, keys, priorities, cancellation),
  },
  {
    script: "dependents/fan_out.ts",
    title: "fan_out that keeps failures",
    before: fail,
    call: failGamma,
    counts: true,
  },
  {
    script: "enqueue/link.ts",
    title: "link of a task whose failure is kept",
    before: fail,
    call: ({ redis, keys }) => {
      const failure = { result: "failed alpha-1", ttl, keep: hour, failedId: "alpha" };
      const rows = [{ ...row, task: taskOf("alpha-1", "low"), after: ["alpha"], failure }];
      return link(redis, keys, rows, new Map([["alpha", false]]));
    },
    counts: true,
    // A task with a record is unfinished, so others wait for it.
    lost: { data: /alpha/ },
  },
  {
    script: "failures/revive.ts",
    title: "revive of failed tasks and of one that failed with them",
    before: async (all) => {
      await fail(all);
      await failGamma(all);
    },
    call: (all) => reviveAll(all, ["alpha", "beta", "gamma"]),
    counts: true,
    // A task with a record is unfinished, so others wait for it. One that cannot be read is refused alone.
    lost: { data: /alpha|gamma/, failedRecord: /gamma/, failedInput: /gamma/, failure: /gamma/ },
  },
  {
    script: "failures/revive.ts",
    title: "revive of a task with piped input, and with a dependent that is still to fail",
    before: async (all) => {
      await all.redis.command(["HSET", all.keys.inputs, "alpha", "alpha-0"]);
      await all.redis.command(["SET", all.keys.output("alpha-0"), "input of alpha"]);
      await fail(all);
    },
    call: (all) => reviveAll(all, ["alpha"]),
    counts: true,
  },
  {
    script: "failures/revive.ts",
    title: "revive of a task that is blocked",
    before: async (all) => {
      await fail(all);
      await failGamma(all);
    },
    call: (all) => reviveAll(all, ["gamma"]),
    lost: { data: /alpha|gamma/ },
  },
  {
    script: "failures/purge.ts",
    title: "purge",
    before: async (all) => {
      await fail(all);
      await failGamma(all);
    },
    call: ({ redis, keys }) => purge(redis, keys, ["alpha", "beta", "gamma", "unknown"], "token"),
  },
];

/** Queues tasks again, of which `gamma` depends on `alpha`. */
async function reviveAll({ redis, keys }: Situation, ids: readonly string[]) {
  const revivals = await Promise.all(ids.map(async (taskId) => {
    // A key of a wrong type has no times.
    const score = await redis.command(["ZSCORE", keys.failures, taskId]).catch(() => null);
    return { taskId, time: Number(score), after: taskId === "gamma" ? ["alpha"] : [] };
  }));
  return await revive(redis, keys, revivals, new Map([["alpha", false]]));
}

/** Keeps the failure of an earlier task `alpha`. */
async function keepEarlier({ redis, keys }: Situation): Promise<void> {
  await redis.command(["ZADD", keys.failures, 1_700_000_000_000, "alpha"]);
  await redis.command(["SET", keys.failedRecord("alpha"), "earlier data of alpha"]);
  await redis.command(["SET", keys.failure("alpha"), "low:0:0:0:earlier failure of alpha"]);
  await redis.command(["SET", keys.failedInput("alpha"), "earlier input of alpha"]);
}
