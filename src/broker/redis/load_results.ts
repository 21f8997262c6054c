import type { Payload } from "../contract/payload.ts";
import { pages } from "./chunks.ts";
import type { CommandSender } from "./command_sender.ts";
import type { Keys } from "./keys.ts";

/** How many results one call loads; they may be large. */
export const resultsPerCall = 50;

/** Loads the results of tasks, in order; `null` for a task without one. */
export async function loadResults(
  redis: CommandSender,
  keys: Keys,
  taskIds: readonly string[],
  { binary }: { binary: boolean },
): Promise<(Payload | null)[]> {
  const results: (Payload | null)[] = [];
  for (const page of pages(taskIds, resultsPerCall)) {
    const names = page.map((id) => keys.result(id));
    results.push(...await redis.command<(Payload | null)[]>(["MGET", ...names], { binary }));
  }
  return results;
}
