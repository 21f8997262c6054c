import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { Cancellable } from "../../../contract/cancellable.ts";
import type { NewSchedule, Occurrence, ScheduleAnswer } from "../../../contract/schedule.ts";
import { type Keys, lua } from "../../keys.ts";
import { delayFunctions } from "../lua/delay.ts";
import { occurrenceFunctions } from "../lua/occurrences.ts";
import { dependencyFunctions } from "../lua/dependencies.ts";
import { withdrawFunction } from "../lua/withdraw.ts";
import { serverTime } from "../lua/server_time.ts";

const script = new Script(`
-- Lets a task repeat, with its next occurrence. A job of the code that is there with another expression, priority or zone
-- is replaced; one that was scheduled with arguments is left as it is, and so is its id when it is another task's.
-- KEYS[1]  the queue's prefix
-- ARGV     name, kind (s for one of the code, d for another), expression, priority:zone, record; of the next occurrence: id,
--          record, time in ms
-- returns  'created', 'changed', 'unchanged', 'exists', 'done' or an error
local prefix, name, kind, expression, place = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4]
${serverTime}
${delayFunctions}
${occurrenceFunctions}
${dependencyFunctions}
${withdrawFunction}
local before = redis.call('HGET', jobs, name)
local data = ${lua.scheduleData("name")}
if kind == 'd' then
  local id = ARGV[6]
  if before or redis.call('EXISTS', ${lua.data("id")}) == 1 then return 'exists' end
  if redis.call('EXISTS', ${lua.result("id")}, ${lua.ended("id")}) > 0 then return 'done' end
elseif before then
  local note = redis.call('HGET', notes, name)
  local isSame = before == expression and note and string.match(note, '^(%a [^:]*:%S+) ') == kind .. ' ' .. place
  if isSame and redis.call('ZSCORE', schedule, name) then
    redis.call('SET', data, ARGV[5])
    return 'unchanged'
  end
  withdraw(name)
end
redis.call('SET', data, ARGV[5])
redis.call('HSET', jobs, name, expression)
local err = await(name, kind, place, ARGV[6], ARGV[7], ARGV[8])
if err then return err end
announce()
return before and 'changed' or 'created'
`);

/** Lets a task repeat. @throws The error of the server, where it concerns this task alone. */
export async function schedule(
  redis: CommandSender,
  keys: Keys,
  { name, isStatic, expression, timeZone, priority, data }: NewSchedule,
  first: Occurrence,
  options?: Cancellable,
): Promise<ScheduleAnswer> {
  const args = [name, isStatic ? "s" : "d", expression, `${priority}:${timeZone}`, data];
  const occurrence = [first.taskId, first.data, first.time];
  const answer = await script.run<string>(redis, [keys.prefix], [...args, ...occurrence], options);
  if (!(["created", "changed", "unchanged", "exists", "done"] as string[]).includes(answer)) throw new Error(answer);
  return answer as ScheduleAnswer;
}
