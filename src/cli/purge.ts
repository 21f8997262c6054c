import { changeFailures, changeHelp, type FailureChange } from "./change_failures.ts";
import { formatCount } from "./table.ts";
import type { Verb } from "./verb.ts";

const change: FailureChange = {
  name: "purge",
  needsRecords: false,
  question: (count, queueName) => `Drop ${formatCount(count, "failure")} of queue ${queueName} for good`,
  apply: (queue, which) => queue.purgeFailed(which),
  report: (count) => `${formatCount(count, "failure")} ${count === 1 ? "is" : "are"} dropped`,
};

/** `streaq purge`. */
export const purge: Verb = {
  summary: "drops failed tasks that are kept",

  help: `Usage: streaq purge path/to/module.ts[:export] ID... | options
       streaq purge --redis URL [--queue NAME] ID... | options

Drops failed tasks that are kept, with their arguments. They cannot be retried any more. Their results stay for their time.

${changeHelp(change, "dropped")}`,

  run: (args, host) => changeFailures(change, args, host),
};
