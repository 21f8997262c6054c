import type { CommandSender } from "../../command_sender.ts";
import { randomId } from "../../../../base/id.ts";
import { Script } from "../../../../redis/mod.ts";
import { type Keys, lua } from "../../keys.ts";
import { delayFunctions } from "../lua/delays.ts";
import { dependencyFunctions } from "../lua/dependencies.ts";
import { occurrenceFunctions } from "../lua/occurrences.ts";
import { triesFunctions } from "../lua/tries.ts";
import { withdrawalFunctions } from "../lua/withdrawal.ts";

/** For how long a call that was sent twice recognises its own work, in milliseconds. */
const unscheduledTtl = 60_000;

const script = new Script(`
-- Removes a schedule.
-- KEYS[1]  the queue's prefix
-- ARGV     name, 1 to withdraw its occurrences that have not started or 0, token of this call
-- returns  1, or 0 if the schedule did not exist; number of listed fan-outs; or an error that names a key. Sent twice, it
--          answers the same
local prefix, name = KEYS[1], ARGV[1]
local now = 0
${delayFunctions}
${occurrenceFunctions}
${dependencyFunctions}
${triesFunctions}
${withdrawalFunctions}
local mark = ${lua.unscheduled("name")}
local latest = redis.pcall('GET', mark)
local token, count = string.match(type(latest) == 'string' and latest or '', '^(%S+) (%d+)$')
if token == ARGV[3] then return { 1, tonumber(count) } end
local broken = brokenSchedules() or brokenWithdrawal()
if broken then return broken end

if ARGV[2] == '1' then withdrawOccurrences(name) end
local removed = redis.call('HDEL', expressions, name)
redis.call('ZREM', times, name)
redis.call('HDEL', notes, name)
redis.call('DEL', ${lua.pastOccurrences("name")})
redis.call('DEL', ${lua.scheduleData("name")})
if removed == 1 then redis.call('SET', mark, ARGV[3] .. ' ' .. listed, 'PX', ${unscheduledTtl}) end
return { removed, listed }
`);

/**
 * Removes a schedule; returns whether it existed, and whether withdrawn occurrences have dependents, which are to fail.
 *
 * @param options.token Identifies the call, so that it answers the same when it is sent twice.
 */
export async function unschedule(
  redis: CommandSender,
  keys: Keys,
  name: string,
  { withdraw, token = randomId() }: { withdraw: boolean; token?: string },
): Promise<{ removed: boolean; listed: boolean }> {
  const args = [name, withdraw ? 1 : 0, token];
  const [removed, listed] = await script.run<[number, number]>(redis, [keys.prefix], args);
  return { removed: removed === 1, listed: listed > 0 };
}
