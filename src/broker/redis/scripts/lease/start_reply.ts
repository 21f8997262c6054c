import type { Start } from "../../../contract/delivery.ts";
import type { Payload } from "../../../contract/payload.ts";
import { notStarted } from "../lua/start.ts";

/** What scripts that start deliveries answer. */
export type StartReply = [
  tries: number[],
  records: (Payload | null)[],
  now: number,
  past: number[],
  given: (number | Payload)[],
];

/** Reads what scripts that start deliveries answer. */
export function readStarts([tries, records, now, past, given]: StartReply): Start[] {
  const crashes = new Map<number, number>();
  for (let i = 0; i < past.length; i += 2) crashes.set(past[i]!, past[i + 1]!);
  const inputs = new Map<number, Payload>();
  for (let i = 0; i < given.length; i += 2) inputs.set(given[i] as number, given[i + 1] as Payload);
  let record = 0;
  return tries.map((count, row) => {
    if (count === notStarted.lost) return "lost";
    if (count === notStarted.ended) return "ended";
    return {
      tries: count,
      data: records[record++] ?? null,
      time: now,
      isFirst: count === 1 && !crashes.has(row),
      crashes: crashes.get(row) ?? 0,
      input: inputs.get(row) ?? null,
    };
  });
}
