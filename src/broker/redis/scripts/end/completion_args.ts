import type { Argument } from "../../../../resp/reply.ts";
import type { Completion } from "../../../contract/completing.ts";
import { isBefore } from "../lease/entry_id.ts";

/**
 * Encodes completions as arguments of `finishTasks`: the number of outputs; for each output the id of its task, the id of
 * the task that it is piped into, and the output; then groups of consecutive completions, each with priority, 1 for
 * successes, `0` for failures, or `0` and for how many ms they are kept; ttl in ms or '' for ever, lowest and highest entry
 * id, and number of rows. A row has entry id, number of deliveries, task id and result.
 */
export function completionArgs(completions: readonly Completion[]): Argument[] {
  const args: Argument[] = [0];
  let outputs = 0;
  for (const { delivery, output } of completions) {
    if (!output) continue;
    outputs++;
    args.push(delivery.taskId, output.next, output.input);
  }
  args[0] = outputs;
  for (let start = 0; start < completions.length;) {
    const past = endOfGroup(completions, start);
    const { delivery: { priority }, success, ttl, keep = 0 } = completions[start]!;
    const [low, high] = entryRange(completions, start, past);
    args.push(priority, success ? 1 : keep > 0 ? `0 ${keep}` : 0, ttl ?? "", low, high, past - start);
    for (; start < past; start++) {
      const { delivery: { entryId, deliveries, taskId }, result } = completions[start]!;
      args.push(entryId, deliveries, taskId, result);
    }
  }
  return args;
}

/** Reads the answer of `finishTasks`: for each completion whether it counts. */
export function readEnds(completions: readonly Completion[], refused: readonly number[]): boolean[] {
  const ends = new Array<boolean>(completions.length).fill(true);
  for (const row of refused) ends[row] = false;
  return ends;
}

function endOfGroup(completions: readonly Completion[], start: number): number {
  const { delivery: { priority }, success, ttl, keep } = completions[start]!;
  let past = start + 1;
  for (; past < completions.length; past++) {
    const next = completions[past]!;
    if (next.delivery.priority !== priority || next.success !== success || next.ttl !== ttl || next.keep !== keep) {
      break;
    }
  }
  return past;
}

function entryRange(completions: readonly Completion[], start: number, past: number): [low: string, high: string] {
  const { delivery: { entryId } } = completions[start]!;
  let [low, high] = [entryId, entryId];
  for (let i = start + 1; i < past; i++) {
    const { entryId } = completions[i]!.delivery;
    if (isBefore(entryId, low)) low = entryId;
    else if (isBefore(high, entryId)) high = entryId;
  }
  return [low, high];
}
