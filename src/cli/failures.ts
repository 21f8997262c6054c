import { inspect } from "node:util";
import { printable } from "../base/log.ts";
import type { Failure } from "../queue/failures/failure.ts";
import { parseArguments } from "./arguments.ts";
import { filterOf, parseSelection, selectionHelp, selectionOptions } from "./failure_selection.ts";
import {
  commonHelp,
  isReadable,
  type Queue,
  queueHelp,
  queueOptions,
  serverTime,
  takeSource,
  withQueue,
} from "./queue.ts";
import { formatAge, formatCell, formatCount, formatId, formatTable } from "./table.ts";
import { type Host, UsageError, type Verb } from "./verb.ts";

const action = "list failures";
const defaultLimit = 100;

/** `streaq failures`. */
export const failures: Verb = {
  summary: "lists failed tasks that are kept",

  help: `Usage: streaq failures path/to/module.ts[:export] [options]
       streaq failures --redis URL [--queue NAME] [options]

Lists the failed tasks that a queue keeps, the newest first.

${selectionHelp}  --limit N       how many are listed at most, ${defaultLimit} unless given
  --json          prints an array, with the arguments and the whole error of each task
${commonHelp}
${queueHelp}
Examples:

  streaq failures worker.ts
  streaq failures worker.ts --task charge --since 2h
  streaq failures --redis redis://localhost:6379 --queue mail --json | jq '.[].taskId'

Exit codes: 0 listed, also if there is none; 1 the module cannot be loaded, or Redis cannot be reached; 2 wrong usage.
`,

  async run(args, host) {
    const { values, positionals } = parseArguments(args, {
      ...queueOptions,
      ...selectionOptions,
      limit: { type: "string" },
      json: { type: "boolean" },
    });
    const [source, rest] = takeSource(action, values, positionals);
    if (rest.length > 0) {
      const expected = values.redis === undefined ? "one module" : "--redis or a module";
      throw new UsageError(`Cannot ${action}: expected ${expected}, got ${positionals.join(" ")}`);
    }
    const [selection, limit] = [parseSelection(values), parseLimit(values.limit)];
    return await withQueue(source, async (queue) => {
      const now = await serverTime(queue);
      const found = await queue.failures({ ...filterOf(selection, now), limit });
      if ("redisUrl" in source && !found.every(isReadable)) {
        host.printError(
          "Some records are signed, or written with another serializer: they can be read with the module only",
        );
      }
      await host.print(values.json ? formatJson(found) : await describe(queue, found, now, host));
      return 0;
    });
  },
};

function parseLimit(text = String(defaultLimit)): number {
  if (/^[1-9]\d{0,4}$/.test(text) && Number(text) <= 10_000) return Number(text);
  throw new UsageError(`Cannot use option --limit: expected an integer from 1 to 10000, got ${text}`);
}

/** Formats the table, and below it how many failures there are in all. */
async function describe(queue: Queue, found: readonly Failure[], now: number, host: Host): Promise<string> {
  const kept = await queue.countFailures();
  const name = printable(queue.queueName);
  if (found.length === 0) {
    return kept === 0 ? `Queue ${name} keeps no failures\n` : `None of ${formatCount(kept, "failure")} matches\n`;
  }
  // One may have been retried since.
  const total = Math.max(kept, found.length);
  return `${formatFailures(found, now, host.columns)}\n${found.length} of ${
    formatCount(total, "failure")
  } of queue ${name}\n`;
}

/** The narrowest and the widest column of errors. */
const errorWidth = { min: 24, max: 80 };

function formatFailures(found: readonly Failure[], now: number, columns: number | undefined): string {
  const rows = found.map(({ failedTime, fnName, tries, taskId }) => {
    return [formatAge(now - failedTime), formatCell(fnName, 40), String(tries), "", formatId(taskId)];
  });
  const heading = ["AGE", "TASK", "TRIES", "ERROR", "ID"];
  const others = formatTable([heading, ...rows]).split("\n").map((line) => line.length);
  const left = columns === undefined ? errorWidth.max : columns - Math.max(...others) + heading[3]!.length;
  const width = Math.min(Math.max(left, errorWidth.min), errorWidth.max);
  found.forEach((failure, i) => rows[i]![3] = formatCell(firstLineOf(failure), width));
  return formatTable([heading, ...rows]);
}

function firstLineOf({ exception: { name, message } }: Failure): string {
  const line = message.trim().split(/[\r\n\u2028\u2029]/, 1)[0];
  return line === "" ? name : `${name}: ${line}`;
}

/** Formats failures as JSON in one line, in which strings hold no control characters. */
function formatJson(found: readonly Failure[]): string {
  const json = found.map(({ args, kwargs, exception, ...rest }) => {
    const { name, message, stack, cause } = exception;
    return {
      ...rest,
      args: toPlain(args),
      kwargs: toPlain(kwargs),
      exception: { name, message, stack, cause: toPlain(cause) },
    };
  });
  return `${printable(JSON.stringify(json))}\n`;
}

/** Turns values of other serializers into something that JSON has. */
function toPlain(value: unknown): unknown {
  if (value === undefined) return undefined;
  try {
    return JSON.parse(JSON.stringify(value, (_, part) => {
      if (typeof part === "bigint") return String(part);
      return part instanceof Map || part instanceof Set ? [...part] : part;
    }));
  } catch {
    return inspect(value, { depth: 10 });
  }
}
