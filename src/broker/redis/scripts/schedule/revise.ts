import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { Revision } from "../../../contract/schedule.ts";
import { type Keys, lua } from "../../keys.ts";
import { delayFunctions } from "../lua/delays.ts";
import { dependencyFunctions } from "../lua/dependencies.ts";
import { occurrenceFunctions } from "../lua/occurrences.ts";
import { serverTime } from "../lua/server_time.ts";
import { triesFunctions } from "../lua/tries.ts";
import { withdrawalFunctions } from "../lua/withdrawal.ts";

const script = new Script(`
-- Replaces the next occurrences of schedules by others, unless the schedules have other due times by now.
-- KEYS[1]  the queue's prefix
-- ARGV     for each schedule: name, due time of the current occurrence in ms, <priority>:<time zone> in case it has no
--          note, record; of the right occurrence: id, record, due time in ms
-- returns  number of schedules that were revised, or an error that names a key. A schedule whose priority cannot delay
--          occurrences is left as it is
local prefix, revised = KEYS[1], 0
${serverTime}
${delayFunctions}
${occurrenceFunctions}
${dependencyFunctions}
${triesFunctions}
${withdrawalFunctions}
local broken = brokenSchedules() or brokenWithdrawal()
if broken then return broken end

for i = 1, #ARGV, 7 do
  local name, time, id, data, due = ARGV[i], ARGV[i + 1], ARGV[i + 4], ARGV[i + 5], ARGV[i + 6]
  local kind, placement, current = string.match(redis.call('HGET', notes, name) or '', '^(%a) ([^:]*:%S+) (.*)$')
  placement = placement or ARGV[i + 2]
  local isUnchanged = tonumber(redis.call('ZSCORE', times, name) or '') == tonumber(time)
  if isUnchanged and not brokenPlacement(placement) then
    local priority = string.match(placement, '^([^:]*):')
    if current and current ~= id then withdraw(priority, current) end
    redis.call('SET', ${lua.scheduleData("name")}, ARGV[i + 3])
    local isSame = current == id and redis.call('ZSCORE', ${lua.delayed("priority")}, id)
    if isSame and redis.call('EXISTS', ${lua.data("id")}) == 1 then
      redis.call('SET', ${lua.data("id")}, data)
      redis.call('ZADD', times, due, name)
      delay(priority, id, due)
    elseif current ~= id or tonumber(time) ~= tonumber(due) then
      enqueueOccurrence(name, kind or 'd', placement, id, data, due)
    end
    revised = revised + 1
  end
end
notifyEarliest()
return revised
`);

/** Replaces the next occurrences of schedules; returns how many schedules were revised. */
export async function revise(redis: CommandSender, keys: Keys, revisions: readonly Revision[]): Promise<number> {
  const args = revisions.flatMap(({ name, time, priority, timeZone, data, next }) => {
    return [name, time, `${priority}:${timeZone}`, data, next.taskId, next.data, next.time];
  });
  return await script.run<number>(redis, [keys.prefix], args);
}
