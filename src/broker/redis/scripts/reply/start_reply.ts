import type { Start } from "../../../contract/delivery.ts";
import type { Payload } from "../../../contract/payload.ts";
import { notStarted } from "../lua/start_runs.ts";

/** Reply of scripts that start runs, see `startFunction`; of a script that checks leases, rows may also be lost. */
export type StartReply = [
  tries: number[],
  records: (Payload | number | null)[],
  time: number,
  history: number[],
  inputs: (number | Payload)[],
];

/**
 * Reads the reply of a script that starts runs.
 *
 * @param count How many runs it has tried to start.
 */
export function readStarts([tries, records, time, history, inputs]: StartReply, count: number): Start[] {
  const crashesByRow = new Map<number, number>();
  for (let i = 0; i < history.length; i += 2) crashesByRow.set(history[i]!, history[i + 1]!);
  const inputByRow = new Map<number, Payload>();
  for (let i = 0; i < inputs.length; i += 2) inputByRow.set(inputs[i] as number, inputs[i + 1] as Payload);
  const starts: Start[] = [];
  let next = 0;
  for (let row = 0; row < count; row++) {
    const tried = tries.length > 0 ? tries[row]! : 1;
    if (tried === notStarted.lost || tried === notStarted.ended) {
      starts.push(tried === notStarted.lost ? "lost" : "ended");
      continue;
    }
    const record = records[next++] ?? null;
    const isTooLarge = typeof record === "number";
    starts.push({
      tries: tried,
      data: isTooLarge ? null : record,
      size: isTooLarge ? record : null,
      time,
      isFirst: tried === 1 && !crashesByRow.has(row),
      crashes: crashesByRow.get(row) ?? 0,
      input: inputByRow.get(row) ?? null,
    });
  }
  return starts;
}
