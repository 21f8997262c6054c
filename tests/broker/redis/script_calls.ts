import { fanOut } from "../../../src/broker/redis/scripts/dependents/fan_out.ts";
import { mend } from "../../../src/broker/redis/scripts/dependents/mend.ts";
import { abort } from "../../../src/broker/redis/scripts/end/abort.ts";
import { finish } from "../../../src/broker/redis/scripts/end/finish.ts";
import { retry } from "../../../src/broker/redis/scripts/end/retry.ts";
import { gather } from "../../../src/broker/redis/scripts/enqueue/gather.ts";
import { link } from "../../../src/broker/redis/scripts/enqueue/link.ts";
import { publish } from "../../../src/broker/redis/scripts/enqueue/publish.ts";
import { begin } from "../../../src/broker/redis/scripts/lease/begin.ts";
import { discard } from "../../../src/broker/redis/scripts/lease/discard.ts";
import { handOver } from "../../../src/broker/redis/scripts/lease/hand_over.ts";
import { heartbeat } from "../../../src/broker/redis/scripts/lease/heartbeat.ts";
import { leave } from "../../../src/broker/redis/scripts/lease/leave.ts";
import { observe } from "../../../src/broker/redis/scripts/lease/observe.ts";
import { read } from "../../../src/broker/redis/scripts/lease/read.ts";
import { release } from "../../../src/broker/redis/scripts/lease/release.ts";
import { renew } from "../../../src/broker/redis/scripts/lease/renew.ts";
import { start } from "../../../src/broker/redis/scripts/lease/start.ts";
import { turn } from "../../../src/broker/redis/scripts/lease/turn.ts";
import { tidy, tidyStart } from "../../../src/broker/redis/scripts/lease/tidy.ts";
import { extendLocks, releaseLock, takeLock } from "../../../src/broker/redis/scripts/lock/lock.ts";
import { find, findState } from "../../../src/broker/redis/scripts/look/find.ts";
import { due } from "../../../src/broker/redis/scripts/schedule/due.ts";
import { promote } from "../../../src/broker/redis/scripts/schedule/promote.ts";
import { register } from "../../../src/broker/redis/scripts/schedule/register.ts";
import { review } from "../../../src/broker/redis/scripts/schedule/review.ts";
import { revise } from "../../../src/broker/redis/scripts/schedule/revise.ts";
import { schedule } from "../../../src/broker/redis/scripts/schedule/schedule.ts";
import { tick } from "../../../src/broker/redis/scripts/schedule/tick.ts";
import { unschedule } from "../../../src/broker/redis/scripts/schedule/unschedule.ts";
import {
  advance,
  alphaLock,
  betaLock,
  cancellation,
  completionsOf,
  consumer,
  hour,
  listRelease,
  occurrenceOf,
  options,
  priorities,
  row,
  run,
  runAndFinish,
  scheduleOf,
  searchIn,
  type Situation,
  status,
  taskOf,
  tickOf,
  ttl,
} from "./situation.ts";

/** A call of a script. */
export interface ScriptCall {
  /** The file of the script. */
  readonly script: string;
  readonly title: string;
  readonly before?: (situation: Situation) => Promise<unknown>;
  /** Returns the answer. */
  readonly call: (situation: Situation) => Promise<unknown>;
  /** Whether the answer counts what this very call has changed, and so differs when it is sent twice. */
  readonly counts?: boolean;
}

/** At least one call of each script. */
export const scriptCalls: readonly ScriptCall[] = [
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
  {
    script: "enqueue/gather.ts",
    title: "gather",
    call: ({ redis, keys }) => {
      return gather(redis, keys, "alpha-new", { token: "token", isFirst: true, after: ["alpha", "beta"] }, new Map());
    },
  },
  {
    script: "enqueue/link.ts",
    title: "link",
    before: ({ redis, keys }) => abort(redis, keys, priorities, { ...cancellation, taskId: "delta-1" }),
    call: ({ redis, keys }) => {
      const failure = { result: "failed delta-3", ttl, failedId: "delta-1" };
      return link(redis, keys, [
        { ...row, task: taskOf("alpha-1", "low"), after: ["alpha"] },
        { ...row, task: taskOf("beta-1", "normal"), after: ["beta"] },
        { ...row, task: { ...taskOf("epsilon-2", "normal"), due: hour }, after: [] },
        { ...row, task: taskOf("delta-3", "low"), after: ["delta-1"], failure },
      ], new Map());
    },
    counts: true,
  },
  {
    script: "enqueue/publish.ts",
    title: "publish",
    call: ({ redis, keys }) => {
      return publish(redis, keys, [
        taskOf("alpha-1", "low"),
        taskOf("beta-1", "normal"),
        { ...taskOf("delta-9", "low"), due: hour },
      ]);
    },
    counts: true,
  },
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
