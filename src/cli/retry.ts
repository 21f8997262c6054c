import { changeFailures, changeHelp, type FailureChange } from "./change_failures.ts";
import { formatCount } from "./table.ts";
import type { Verb } from "./verb.ts";

const change: FailureChange = {
  name: "retry",
  needsRecords: true,
  question: (count, queueName) => `Queue ${formatCount(count, "failed task")} of queue ${queueName} again`,
  apply: (queue, which) => queue.retryFailed(which),
  report: (count) => `${formatCount(count, "task")} ${count === 1 ? "is" : "are"} queued again`,
};

/** `streaq retry`. */
export const retry: Verb = {
  summary: "queues failed tasks again",

  help: `Usage: streaq retry path/to/module.ts[:export] ID... | options
       streaq retry --redis URL [--queue NAME] ID... | options

Queues failed tasks again, with the same ids and arguments; their tries begin again. Tasks that failed with one of them come
back with it, and are counted too. A task that depends on one which stays failed stays failed, too.

${changeHelp(change, "queued again")}`,

  run: (args, host) => changeFailures(change, args, host),
};
