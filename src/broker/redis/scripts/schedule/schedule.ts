import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { Cancellable } from "../../../contract/cancellable.ts";
import type { NewSchedule, Occurrence, ScheduleAnswer } from "../../../contract/schedule.ts";
import { type Keys, lua } from "../../keys.ts";
import { delayFunctions } from "../lua/delays.ts";
import { dependencyFunctions } from "../lua/dependencies.ts";
import { occurrenceFunctions } from "../lua/occurrences.ts";
import { serverTime } from "../lua/server_time.ts";
import { triesFunctions } from "../lua/tries.ts";
import { withdrawalFunctions } from "../lua/withdrawal.ts";

const script = new Script(`
-- Stores a schedule with its next occurrence. A cron job whose expression, priority or time zone has changed is
-- replaced. The schedule of a task is left as it is if it exists, and is not stored if a task with its id exists.
-- KEYS[1]  the queue's prefix
-- ARGV     name, kind (s for a cron job, d for a task), expression, <priority>:<time zone>, record; of the next
--          occurrence: id, record, due time in ms
-- returns  'created', 'changed', 'unchanged', 'exists' or 'done'; or an error that names a key
local prefix, name, kind, expression, placement = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4]
${serverTime}
${delayFunctions}
${occurrenceFunctions}
${dependencyFunctions}
${triesFunctions}
${withdrawalFunctions}
local broken = brokenSchedules() or brokenWithdrawal() or brokenPlacement(placement)
if broken then return broken end

local earlier = redis.call('HGET', expressions, name)
local data = ${lua.scheduleData("name")}
if kind == 'd' then
  local id = ARGV[6]
  if earlier or redis.call('EXISTS', ${lua.data("id")}) == 1 then return 'exists' end
  if redis.call('EXISTS', ${lua.result("id")}, ${lua.ended("id")}) > 0 then return 'done' end
elseif earlier then
  local note = redis.call('HGET', notes, name)
  local isSame = earlier == expression and note and string.match(note, '^(%a [^:]*:%S+) ') == kind .. ' ' .. placement
  if isSame and redis.call('ZSCORE', times, name) then
    redis.call('SET', data, ARGV[5])
    return 'unchanged'
  end
  withdrawOccurrences(name)
end
redis.call('SET', data, ARGV[5])
redis.call('HSET', expressions, name, expression)
enqueueOccurrence(name, kind, placement, ARGV[6], ARGV[7], ARGV[8])
notifyEarliest()
return earlier and 'changed' or 'created'
`);

/**
 * Stores a schedule with its next occurrence.
 *
 * @throws The server's error, if it refuses this schedule.
 */
export async function schedule(
  redis: CommandSender,
  keys: Keys,
  { name, isStatic, expression, timeZone, priority, data }: NewSchedule,
  first: Occurrence,
  options?: Cancellable,
): Promise<ScheduleAnswer> {
  const args = [name, isStatic ? "s" : "d", expression, `${priority}:${timeZone}`, data];
  const occurrence = [first.taskId, first.data, first.time];
  return await script.run<Exclude<ScheduleAnswer, "repeated">>(redis, [keys.prefix], [...args, ...occurrence], options);
}
