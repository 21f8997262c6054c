import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import { type Keys, lua } from "../../keys.ts";
import { delayFunctions } from "../lua/delays.ts";
import { dependencyFunctions } from "../lua/dependencies.ts";
import { occurrenceFunctions } from "../lua/occurrences.ts";
import { withdrawalFunctions } from "../lua/withdrawal.ts";

const script = new Script(`
-- Removes a schedule.
-- KEYS[1]  the queue's prefix
-- ARGV     name, 1 to withdraw its occurrences that have not started or 0
-- returns  1, or 0 if the schedule did not exist; number of listed fan-outs
local prefix, name = KEYS[1], ARGV[1]
local now = 0
${delayFunctions}
${occurrenceFunctions}
${dependencyFunctions}
${withdrawalFunctions}
if ARGV[2] == '1' then withdrawOccurrences(name) end
local removed = redis.call('HDEL', expressions, name)
redis.call('ZREM', times, name)
redis.call('HDEL', notes, name)
redis.call('DEL', ${lua.pastOccurrences("name")})
redis.call('DEL', ${lua.scheduleData("name")})
return { removed, listed }
`);

/**
 * Removes a schedule; returns whether it existed, and whether withdrawn occurrences have dependents, which are to fail.
 */
export async function unschedule(
  redis: CommandSender,
  keys: Keys,
  name: string,
  { withdraw }: { withdraw: boolean },
): Promise<{ removed: boolean; listed: boolean }> {
  const args = [name, withdraw ? 1 : 0];
  const [removed, listed] = await script.run<[number, number]>(redis, [keys.prefix], args);
  return { removed: removed === 1, listed: listed > 0 };
}
