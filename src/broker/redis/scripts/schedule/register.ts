import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import { type Keys, lua } from "../../keys.ts";
import { serverTime } from "../lua/server_time.ts";

const script = new Script(`
-- Registers the cron jobs of a living worker.
-- KEYS[1]  the queue's prefix
-- ARGV     how long the registration counts, in ms; then names
-- returns  the names without a complete schedule
local prefix, missing = KEYS[1], {}
local registered = ${lua.registeredJobs}
${serverTime}
redis.call('ZREMRANGEBYSCORE', registered, '-inf', now)
for i = 2, #ARGV do
  redis.call('ZADD', registered, now + ARGV[1], ARGV[i])
  local isScheduled = redis.call('HEXISTS', ${lua.scheduleNotes}, ARGV[i]) == 1 and
    redis.call('HEXISTS', ${lua.scheduleExpressions}, ARGV[i]) == 1 and
    redis.call('EXISTS', ${lua.scheduleData("ARGV[i]")}) == 1 and redis.call('ZSCORE', ${lua.scheduleTimes}, ARGV[i])
  if not isScheduled then missing[#missing + 1] = ARGV[i] end
end
-- The registrations of other workers may count for longer.
if redis.call('PTTL', registered) < tonumber(ARGV[1]) then redis.call('PEXPIRE', registered, ARGV[1]) end
return missing
`);

/** Registers cron jobs for `ms` milliseconds; returns those without a schedule. */
export async function register(
  redis: CommandSender,
  keys: Keys,
  names: readonly string[],
  ms: number,
): Promise<string[]> {
  return await script.run<string[]>(redis, [keys.prefix], [ms, ...names]);
}
