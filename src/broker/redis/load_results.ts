import type { Payload } from "../contract/payload.ts";
import { pages } from "./chunks.ts";
import type { CommandSender } from "./command_sender.ts";
import type { Keys } from "./keys.ts";

/** How many results, which may be large, are loaded in one call. */
const resultsAtOnce = 50;

/** The results of tasks, `null` where there is none. */
export async function loadResults(
  redis: CommandSender,
  keys: Keys,
  ids: readonly string[],
  { binary }: { binary: boolean },
): Promise<(Payload | null)[]> {
  const results: (Payload | null)[] = [];
  for (const part of pages(ids, resultsAtOnce)) {
    const names = part.map((id) => keys.result(id));
    results.push(...await redis.command<(Payload | null)[]>(["MGET", ...names], { binary }));
  }
  return results;
}
