import type { Payload } from "../contract/payload.ts";
import { pages } from "./chunks.ts";
import type { CommandSender } from "./command_sender.ts";
import type { Keys } from "./keys.ts";

/** How many records one call loads; they may be large. */
export const recordsPerCall = 50;

/** Loads the results of tasks, in order; `null` for a task without one. */
export async function loadResults(
  redis: CommandSender,
  keys: Keys,
  taskIds: readonly string[],
  { binary }: { binary: boolean },
): Promise<(Payload | null)[]> {
  return await loadRecords(redis, taskIds.map((id) => keys.result(id)), { binary });
}

/** Loads the records in keys, in order; `null` for a key without one. */
export async function loadRecords(
  redis: CommandSender,
  keys: readonly string[],
  { binary }: { binary: boolean },
): Promise<(Payload | null)[]> {
  const records: (Payload | null)[] = [];
  for (const page of pages(keys, recordsPerCall)) {
    records.push(...await redis.command<(Payload | null)[]>(["MGET", ...page], { binary }));
  }
  return records;
}
