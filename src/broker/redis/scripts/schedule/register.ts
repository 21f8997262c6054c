import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import { type Keys, lua } from "../../keys.ts";
import { serverTime } from "../lua/server_time.ts";

const script = new Script(`
-- Notes that a living worker has jobs in its code.
-- KEYS[1]  the queue's prefix
-- ARGV     for how long in ms; then names
-- returns  those that are not scheduled
local prefix, missing = KEYS[1], {}
local known = ${lua.registeredJobs}
${serverTime}
redis.call('ZREMRANGEBYSCORE', known, '-inf', now)
for i = 2, #ARGV do
  redis.call('ZADD', known, now + ARGV[1], ARGV[i])
  local isThere = redis.call('HEXISTS', ${lua.scheduleNotes}, ARGV[i]) == 1 and
    redis.call('HEXISTS', ${lua.scheduleExpressions}, ARGV[i]) == 1 and
    redis.call('EXISTS', ${lua.scheduleData("ARGV[i]")}) == 1 and redis.call('ZSCORE', ${lua.scheduleTimes}, ARGV[i])
  if not isThere then missing[#missing + 1] = ARGV[i] end
end
-- Others may know theirs for longer.
if redis.call('PTTL', known) < tonumber(ARGV[1]) then redis.call('PEXPIRE', known, ARGV[1]) end
return missing
`);

/** Notes that a living worker has jobs in its code; those that are not scheduled. */
export async function register(
  redis: CommandSender,
  keys: Keys,
  names: readonly string[],
  ms: number,
): Promise<string[]> {
  return await script.run<string[]>(redis, [keys.prefix], [ms, ...names]);
}
