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

/** Reads the reply of a script that starts runs. */
export function readStarts([tries, records, time, history, inputs]: StartReply): Start[] {
  const crashesByRow = new Map<number, number>();
  for (let i = 0; i < history.length; i += 2) crashesByRow.set(history[i]!, history[i + 1]!);
  const inputByRow = new Map<number, Payload>();
  for (let i = 0; i < inputs.length; i += 2) inputByRow.set(inputs[i] as number, inputs[i + 1] as Payload);
  const remaining = records.values();
  return tries.map((count, row) => {
    if (count === notStarted.lost) return "lost";
    if (count === notStarted.ended) return "ended";
    const record = remaining.next().value ?? null;
    const isTooLarge = typeof record === "number";
    return {
      tries: count,
      data: isTooLarge ? null : record,
      size: isTooLarge ? record : null,
      time,
      isFirst: count === 1 && !crashesByRow.has(row),
      crashes: crashesByRow.get(row) ?? 0,
      input: inputByRow.get(row) ?? null,
    };
  });
}
