import { StreaqError } from "../../base/errors.ts";
import type { Started } from "../../broker/contract/delivery.ts";
import type { RecordCodec } from "../records/record_codec.ts";
import { occurrenceId } from "../schedule/occurrence.ts";
import type { Definition } from "../tasks/definition.ts";
import type { Execution } from "./execution.ts";
import { showTries } from "./outcome.ts";
import { SkippedError } from "./skipped_error.ts";

/** The worker has registered no task of a name, or only an earlier version of it. Another worker may run the task. */
export class UnknownTaskError extends StreaqError {}

/** Options of the guards. */
export interface GuardOptions {
  readonly codec: RecordCodec;
  readonly registry: ReadonlyMap<string, Definition>;
  /** The largest record that is loaded, in bytes. */
  readonly maxPayload: number;
}

/** Notes its findings in the execution; returns an error if the function must not be called. */
type Guard = (execution: Execution, start: Started, options: GuardOptions) => Error | undefined;

/** After so many runs in a row that were cut off by the death of their worker, a task is given up. */
const crashLimit = 5;
/** The fewest such runs after which a task is given up: one more than the fewest tries. */
const leastCrashes = 2;

/** The guards in the order in which an execution passes them. */
const guards: readonly Guard[] = [crashed, tooLarge, decode, resolve, expired, missedItsTime, givenUp];

/** Passes an execution through the guards; returns the first refusal. Never throws. */
export function refusalOf(execution: Execution, start: Started, options: GuardOptions): Error | undefined {
  for (const guard of guards) {
    const refusal = guard(execution, start, options);
    if (refusal) return refusal;
  }
  return undefined;
}

/**
 * Comes before the record is decoded, which may be what killed the workers: a function that did so is given up with its
 * decoded record one run earlier, when its tries are spent.
 */
function crashed(
  execution: Execution,
  { data, crashes }: Started,
  { codec, registry }: GuardOptions,
): Error | undefined {
  if (crashes < leastCrashes) return undefined;
  const name = data === null ? undefined : codec.peekName(data);
  const definition = name === undefined ? undefined : registry.get(name);
  const maxTries = definition?.options.maxTries ?? Infinity;
  if (crashes < Math.min(crashLimit, maxTries + 1)) return undefined;
  execution.recordName = name;
  execution.definition = definition;
  return new StreaqError(
    `Task ${execution.fnName} was given up after ${crashes} runs that were cut off with their worker`,
  );
}

/** Refuses a record that was not loaded because of its size. */
function tooLarge(
  { delivery: { taskId } }: Execution,
  { size }: Started,
  { maxPayload }: GuardOptions,
): Error | undefined {
  if (size === null) return undefined;
  return new StreaqError(
    `Cannot run task ${taskId}: expected a record of at most ${maxPayload} bytes (maxPayload), got ${size}`,
  );
}

function decode(execution: Execution, { data, input }: Started, { codec }: GuardOptions): Error | undefined {
  const { taskId } = execution.delivery;
  if (data === null) return new StreaqError(`Cannot run task ${taskId}: its record is gone`);
  try {
    const record = execution.record = codec.decodeTask(taskId, data);
    const { previous } = record;
    if (previous === undefined) return undefined;
    if (input === null) return new StreaqError(`Cannot run task ${taskId}: the input piped into it is gone`);
    execution.record = { ...record, args: codec.decodeInput(previous, input) };
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

function resolve(execution: Execution, _: Started, { registry }: GuardOptions): Error | undefined {
  const { fnName, version } = execution.record!;
  const definition = execution.definition = registry.get(fnName);
  if (!definition) {
    const inVersion = version > 1 ? ` in version ${version} or later` : "";
    return new UnknownTaskError(`Cannot run task ${fnName}: no task of this name is registered${inVersion}`);
  }
  const { version: own } = definition.options;
  if (version <= own) return undefined;
  // It is the failure of the task if it cannot be handed over.
  const expected = `expected version ${own} or earlier, got version ${version}, which no living worker has registered`;
  return new UnknownTaskError(`Cannot run task ${fnName}: ${expected}`);
}

function expired(execution: Execution, { isFirst, time }: Started): Error | undefined {
  const { record, definition, delivery: { enqueueTime } } = execution;
  // A producer that does not know the function's options has sent none.
  const expire = record!.expire ?? definition!.options.expire;
  if (!isFirst || expire === null || time - enqueueTime <= expire) return undefined;
  return new SkippedError(`Task ${record!.fnName} expired: it was not started within ${expire} ms`);
}

function missedItsTime(execution: Execution, { isFirst, time }: Started): Error | undefined {
  const { definition, delivery: { taskId, enqueueTime } } = execution;
  const { fnName, cron } = definition!;
  const drift = cron?.maxScheduleDrift ?? null;
  if (!isFirst || drift === null || time - enqueueTime <= drift) return undefined;
  // A task that was enqueued by hand is no occurrence, and has no time of its own.
  if (taskId !== occurrenceId(fnName, enqueueTime)) return undefined;
  return new SkippedError(`Cron job ${fnName} missed its time by more than ${drift} ms`);
}

function givenUp({ tries, definition }: Execution): Error | undefined {
  const { fnName, options: { maxTries } } = definition!;
  if (maxTries === null || tries <= maxTries) return undefined;
  return new StreaqError(`Task ${fnName} was given up after ${showTries(maxTries)}`);
}
