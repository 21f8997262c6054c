import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { Completion } from "../../../contract/completing.ts";
import { group, type Keys } from "../../keys.ts";
import { finishFunction } from "../lua/finish_tasks.ts";
import { completionArgs, readEnds } from "./completion_args.ts";

const script = new Script(`
-- Finishes tasks. Sent twice, it answers the same.
-- KEYS[1]  the queue's prefix
-- ARGV     group, consumer; then what finishTasks reads, see completionArgs
-- returns  numbers of the rows that do not count: the task had already finished, or another worker holds the lease;
--          number of listed fan-outs
${finishFunction}
return { finishTasks(3) }
`);

/**
 * Finishes tasks.
 *
 * @returns For each whether its completion counts, and how many of the tasks have dependents that are still to be
 * handled.
 */
export async function finish(
  redis: CommandSender,
  keys: Keys,
  consumer: string,
  completions: readonly Completion[],
): Promise<{ ends: boolean[]; listed: number }> {
  const args = [group, consumer, ...completionArgs(completions)];
  const [refused, listed] = await script.run<[number[], number]>(redis, [keys.prefix], args);
  return { ends: readEnds(completions, refused), listed };
}
