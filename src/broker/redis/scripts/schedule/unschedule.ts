import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import { type Keys, lua } from "../../keys.ts";
import { delayFunctions } from "../lua/delay.ts";
import { occurrenceFunctions } from "../lua/occurrences.ts";
import { dependencyFunctions } from "../lua/dependencies.ts";
import { withdrawFunction } from "../lua/withdraw.ts";

const script = new Script(`
-- Lets a task repeat no more.
-- KEYS[1]  the queue's prefix
-- ARGV     name, 1 to take back the occurrence that waits or 0
-- returns  1, or 0 when it did not repeat; 1 when others waited for an occurrence, who are still to be told, or 0
local prefix, name = KEYS[1], ARGV[1]
local now = 0
${delayFunctions}
${occurrenceFunctions}
${dependencyFunctions}
${withdrawFunction}
if ARGV[2] == '1' then withdraw(name) end
local removed = redis.call('HDEL', jobs, name)
redis.call('ZREM', schedule, name)
redis.call('HDEL', notes, name)
redis.call('DEL', ${lua.pastOccurrences("name")})
redis.call('DEL', ${lua.scheduleData("name")})
return { removed, listed }
`);

/** Lets a task repeat no more; tells whether it did, and whether others waited for it who are still to be told. */
export async function unschedule(
  redis: CommandSender,
  keys: Keys,
  name: string,
  { withdraw }: { withdraw: boolean },
): Promise<{ removed: boolean; listed: boolean }> {
  const [removed, listed] = await script.run<[number, number]>(redis, [keys.prefix], [
    name,
    withdraw ? 1 : 0,
  ]);
  return { removed: removed === 1, listed: listed > 0 };
}
