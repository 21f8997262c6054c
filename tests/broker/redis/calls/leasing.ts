import { abort } from "../../../../src/broker/redis/scripts/end/abort.ts";
import { publish } from "../../../../src/broker/redis/scripts/enqueue/publish.ts";
import { begin } from "../../../../src/broker/redis/scripts/lease/begin.ts";
import { discard } from "../../../../src/broker/redis/scripts/lease/discard.ts";
import { handOver } from "../../../../src/broker/redis/scripts/lease/hand_over.ts";
import { heartbeat } from "../../../../src/broker/redis/scripts/lease/heartbeat.ts";
import { leave } from "../../../../src/broker/redis/scripts/lease/leave.ts";
import { observe } from "../../../../src/broker/redis/scripts/lease/observe.ts";
import { read } from "../../../../src/broker/redis/scripts/lease/read.ts";
import { release } from "../../../../src/broker/redis/scripts/lease/release.ts";
import { renew } from "../../../../src/broker/redis/scripts/lease/renew.ts";
import { start } from "../../../../src/broker/redis/scripts/lease/start.ts";
import { tidy, tidyStart } from "../../../../src/broker/redis/scripts/lease/tidy.ts";
import { turn } from "../../../../src/broker/redis/scripts/lease/turn.ts";
import { extendLocks, releaseLock, takeLock } from "../../../../src/broker/redis/scripts/lock/lock.ts";
import { find, findState } from "../../../../src/broker/redis/scripts/look/find.ts";
import type { ScriptCall } from "./script_call.ts";
import {
  alphaLock,
  betaLock,
  cancellation,
  completionsOf,
  consumer,
  options,
  priorities,
  run,
  searchIn,
  status,
  taskOf,
  ttl,
} from "../situation.ts";

/** Calls of the scripts for leasing. */
export const leasingCalls: readonly ScriptCall[] = [
  {
    script: "lease/begin.ts",
    title: "begin",
    call: async ({ redis, keys }) => {
      return [...await begin(redis, keys, consumer, 5, new Map(), { ...options, timeout: 1000 })];
    },
  },
  {
    script: "lease/discard.ts",
    title: "discard",
    call: ({ redis, keys, deliveries }) => {
      const broken = deliveries.map(({ priority, entryId, taskId }) => ({ priority, entryId, reason: taskId }));
      return discard(redis, keys, broken);
    },
  },
  {
    script: "lease/hand_over.ts",
    title: "hand_over",
    before: run,
    call: ({ redis, keys, deliveries }) => {
      const rows = deliveries.map((delivery) => ({ delivery, fnName: `fn-${delivery.taskId[0]}`, version: 1 }));
      return handOver(redis, keys, consumer.name, rows, { trustsAll: false });
    },
  },
  {
    script: "lease/heartbeat.ts",
    title: "heartbeat",
    before: ({ redis, keys }) => renew(redis, keys, consumer, [], status),
    call: ({ redis, keys }) => {
      return heartbeat(redis, keys, consumer, { ...status, summary: "new" }, {
        isNewSummary: true,
        countsFanOuts: true,
      });
    },
  },
  {
    script: "lease/leave.ts",
    title: "leave",
    before: async (all) => {
      await run(all);
      await renew(all.redis, all.keys, consumer, [], status);
    },
    call: ({ redis, keys }) => leave(redis, keys, consumer, "one", ["beta"]),
  },
  {
    script: "lease/observe.ts",
    title: "observe",
    before: run,
    call: async ({ redis, keys }) => {
      const { idleTimeout, consumers } = await observe(redis, keys, consumer);
      return [idleTimeout, consumers.map(({ name }) => name)];
    },
  },
  {
    // A search finds the leases of a read whose reply was lost.
    script: "lease/read.ts",
    title: "read of new tasks",
    before: ({ redis, keys }) => publish(redis, keys, [taskOf("alpha-1", "low"), taskOf("beta-1", "normal")]),
    call: ({ redis, keys }) => read(redis, keys, consumer, 5, searchIn([])),
    counts: true,
  },
  {
    script: "lease/release.ts",
    title: "release",
    before: run,
    call: ({ redis, keys, deliveries }) => release(redis, keys, consumer.name, deliveries),
  },
  {
    script: "lease/renew.ts",
    title: "renew",
    before: run,
    call: async (all) => ({ ...await renew(all.redis, all.keys, consumer, all.deliveries, status), wasAlive: null }),
  },
  {
    script: "lease/start.ts",
    title: "start",
    call: ({ redis, keys, deliveries }) => start(redis, keys, consumer.name, deliveries, options),
  },
  {
    script: "lease/start.ts",
    title: "start of a dropped entry",
    before: ({ redis, keys }) => abort(redis, keys, priorities, cancellation),
    call: ({ redis, keys, deliveries }) => start(redis, keys, consumer.name, deliveries, options),
  },
  {
    script: "lease/start.ts",
    title: "start of a task that has finished",
    before: ({ redis, keys }) => redis.command(["RENAME", keys.data("alpha"), keys.result("alpha")]),
    call: ({ redis, keys, deliveries }) => start(redis, keys, consumer.name, deliveries, options),
  },
  {
    script: "lease/tidy.ts",
    title: "tidy",
    before: async (all) => {
      await run(all);
      await all.redis.command(["ZADD", all.keys.workers, 1, "dead"]);
      await all.redis.command(["HSET", all.keys.running, "gone", "1-1 1 0 low:dead-00000000"]);
      await all.redis.command(["HSET", all.keys.dropped, "gone", 1]);
      await all.redis.command(["ZADD", all.keys.failures, 1, "gone"]);
    },
    call: ({ redis, keys }) => tidy(redis, keys, consumer, tidyStart),
  },
  {
    script: "lease/turn.ts",
    title: "turn that finishes and leases",
    before: async (all) => {
      await run(all);
      // To finish tasks and to lease others are two things: without the notes of runs, only the first one is done.
      await publish(all.redis, all.keys, [taskOf("zeta", "normal")]);
    },
    call: (all) => turn(all.redis, all.keys, { ...consumer, ...options }, completionsOf(all, false), 5),
    counts: true,
  },
  {
    script: "lease/turn.ts",
    title: "turn that only finishes",
    before: run,
    call: (all) => turn(all.redis, all.keys, { ...consumer, ...options }, completionsOf(all, true), 0),
  },
  {
    script: "lock/lock.ts",
    title: "takeLock",
    call: ({ redis, keys }) => takeLock(redis, keys, alphaLock, ttl),
  },
  {
    script: "lock/lock.ts",
    title: "extendLocks",
    call: ({ redis, keys }) => extendLocks(redis, keys, [alphaLock, betaLock], ttl),
  },
  {
    script: "lock/lock.ts",
    title: "releaseLock",
    before: ({ redis, keys }) => takeLock(redis, keys, alphaLock, ttl),
    call: ({ redis, keys }) => releaseLock(redis, keys, alphaLock),
  },
  {
    script: "look/find.ts",
    title: "find",
    call: ({ redis, keys }) => find(redis, keys, priorities, "gamma", { ...options, relatives: 5 }),
  },
  {
    script: "look/find.ts",
    title: "findState",
    call: ({ redis, keys }) => findState(redis, keys, priorities, "delta-1"),
  },
];
