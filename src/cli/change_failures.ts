import { printable } from "../base/log.ts";
import type { FailureFilter } from "../queue/failures/failure_filter.ts";
import { parseArguments } from "./arguments.ts";
import {
  type FailureSelection,
  filterOf,
  isSelective,
  parseSelection,
  selectionHelp,
  selectionOptions,
} from "./failure_selection.ts";
import {
  commonHelp,
  isReadable,
  type Queue,
  queueHelp,
  queueOptions,
  type QueueSource,
  serverTime,
  takeSource,
  withQueue,
} from "./queue.ts";
import { formatId } from "./table.ts";
import { type Host, UsageError } from "./verb.ts";

/** A change of failures that are given by id, or selected by a filter. */
export interface FailureChange {
  /** The name of the verb. */
  readonly name: string;
  /** Whether the records of the tasks must be readable for it. */
  readonly needsRecords: boolean;
  /** Formats the question that confirms it, without its mark: `Queue 3 failed tasks of queue mail again`. */
  question(count: number, queueName: string): string;
  /** Changes them; returns how many. */
  apply(queue: Queue, which: readonly string[] | FailureFilter): Promise<number>;
  /** Formats the outcome: `3 tasks are queued again`. */
  report(count: number): string;
}

/** Returns the help about the arguments of such a verb, which follows its description. */
export function changeHelp({ name }: Pick<FailureChange, "name">, done: string): string {
  return `Instead of ids:

${selectionHelp}  --all           all failures of the queue
  --yes           does not ask for confirmation, which it otherwise does unless there are ids
${commonHelp}
${queueHelp}
Examples:

  streaq ${name} worker.ts 82cb6ae67b4d7f376f5aacc25f509bed
  streaq ${name} worker.ts --task charge --error TimeoutError --since 2h
  streaq ${name} --redis redis://localhost:6379 --queue mail --all --yes

Exit codes: 0 ${done}; 1 nothing was done, no failure is kept under an id, the module cannot be loaded, or Redis
cannot be reached; 2 wrong usage, or there is no terminal for the confirmation.
`;
}

/** Which failures: some ids, or those that are selected. */
interface Request {
  readonly source: QueueSource;
  readonly ids: readonly string[];
  readonly selection: FailureSelection;
  readonly needsConfirmation: boolean;
}

/** Runs a verb that changes failures; returns the exit code. */
export async function changeFailures(change: FailureChange, args: readonly string[], host: Host): Promise<number> {
  const request = parse(change, args);
  if (request.needsConfirmation && !host.ask) {
    throw new UsageError(
      `Cannot ${change.name} failed tasks: there is no terminal to confirm it, so --yes is required`,
    );
  }
  return await withQueue(request.source, async (queue) => {
    if (change.needsRecords && "redisUrl" in request.source) await checkReadable(change, queue, request.ids);
    if (request.ids.length > 0) return await changeById(change, queue, request.ids, host);
    return await changeSelected(change, queue, request, host);
  });
}

/** How many failures are read to see whether their records can be read without the module. */
const sampleSize = 100;

/**
 * Checks that the records of a queue can be read without its module: one that cannot does not tell on which tasks its own
 * depends, so that a step of a pipeline would be queued without its input.
 */
async function checkReadable({ name }: FailureChange, queue: Queue, ids: readonly string[]): Promise<void> {
  const sample = await queue.failures(ids.length > 0 ? ids : { limit: sampleSize });
  const unreadable = sample.find((failure) => !isReadable(failure));
  if (!unreadable) return;
  const reason = "its record is signed, or written with another serializer, so the module of the worker is required";
  throw new Error(`Cannot ${name} task ${formatId(unreadable.taskId)}: ${reason}`);
}

function parse({ name }: FailureChange, args: readonly string[]): Request {
  const action = `${name} failed tasks`;
  const { values, positionals } = parseArguments(args, {
    ...queueOptions,
    ...selectionOptions,
    all: { type: "boolean" },
    yes: { type: "boolean" },
  });
  const { all = false, yes = false } = values;
  const [source, ids] = takeSource(action, values, positionals);
  const selection = parseSelection(values);
  const given = [
    ...ids.length > 0 ? ["ids"] : [],
    ...isSelective(selection) ? ["--task, --error or --since"] : [],
    ...all ? ["--all"] : [],
  ];
  if (given.length !== 1) {
    const expected = "expected either ids, or --task, --error or --since, or --all";
    throw new UsageError(`Cannot ${action}: ${expected}, got ${given.join(" and ") || "none of them"}`);
  }
  return { source, ids: [...new Set(ids)], selection, needsConfirmation: ids.length === 0 && !yes };
}

/** Changes the failures of some tasks, and names those that it cannot change. */
async function changeById(change: FailureChange, queue: Queue, ids: readonly string[], host: Host): Promise<number> {
  const before = await queue.failures(ids);
  const kept = before.map(({ taskId }) => taskId);
  const count = kept.length === 0 ? 0 : await change.apply(queue, kept);
  if (count > 0) await host.print(`${change.report(count)}\n`);
  const problems = ids.filter((id) => !kept.includes(id)).map((id) => `${formatId(id)}: no failure of it is kept`);
  const times = new Map(before.map(({ taskId, failedTime }) => [taskId, failedTime]));
  for (const { taskId, failedTime, failedWith } of kept.length === 0 ? [] : await queue.failures(kept)) {
    // Another time would be that of a new failure.
    if (times.get(taskId) !== failedTime) continue;
    const cause = failedWith === null ? "a task" : `task ${formatId(failedWith)}`;
    problems.push(`${formatId(taskId)}: it depends on ${cause}, which has failed`);
  }
  for (const problem of problems) host.printError(`Cannot ${change.name} task ${problem}`);
  return count > 0 && problems.length === 0 ? 0 : 1;
}

/** Changes the failures that are selected, once this is confirmed. */
async function changeSelected(
  change: FailureChange,
  queue: Queue,
  { selection, needsConfirmation }: Request,
  host: Host,
): Promise<number> {
  const now = await serverTime(queue);
  // Tasks that fail while the question is open are not included.
  const filter = { ...filterOf(selection, now), before: new Date(now + 1) };
  if (needsConfirmation) {
    const count = isSelective(selection) ? await countMatches(queue, filter) : await queue.countFailures();
    if (count === 0) return nothingDone("No failure matches", host);
    const question = printable(change.question(count, queue.queueName));
    const answer = await host.ask!(`${question}? [y/N] `);
    if (!/^y(?:es)?$/i.test(answer.trim())) return nothingDone("Nothing was changed", host);
  }
  const count = await change.apply(queue, filter);
  if (count === 0) return nothingDone(change.report(0), host);
  await host.print(`${change.report(count)}\n`);
  return 0;
}

async function countMatches(queue: Queue, filter: FailureFilter): Promise<number> {
  return (await queue.failures({ ...filter, limit: 10_000 })).length;
}

function nothingDone(reason: string, host: Host): number {
  host.printError(reason);
  return 1;
}
