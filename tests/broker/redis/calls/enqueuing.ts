import { abort } from "../../../../src/broker/redis/scripts/end/abort.ts";
import { gather } from "../../../../src/broker/redis/scripts/enqueue/gather.ts";
import { link } from "../../../../src/broker/redis/scripts/enqueue/link.ts";
import { publish } from "../../../../src/broker/redis/scripts/enqueue/publish.ts";
import type { ScriptCall } from "./script_call.ts";
import { cancellation, hour, priorities, row, taskOf, ttl } from "../situation.ts";

/** Calls of the scripts for enqueuing. */
export const enqueuingCalls: readonly ScriptCall[] = [
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
];
