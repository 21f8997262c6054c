import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { Payload } from "../../../contract/payload.ts";
import type { DueSchedules, SchedulePlace } from "../../../contract/schedule.ts";
import { type Keys, lua } from "../../keys.ts";
import { schedulePages } from "../lua/schedule_pages.ts";
import { serverTime } from "../lua/server_time.ts";
import { scoreOf } from "../reply/score.ts";
import { textOf } from "../reply/text.ts";
import { readNote } from "./note.ts";

/** Maximum number of schedules that one call returns. */
const dueLimit = 100;

const script = new Script(`
-- Loads schedules whose current occurrence is due, so that the next one can be enqueued.
-- KEYS[1]  the queue's prefix
-- ARGV     maximum number of schedules; due time and name of the schedule behind which to begin, if not at the front
-- returns  the time in ms; 1 if more schedules may be due, or 0; in how many ms the first schedule that is not due yet
--          is due, or '' if there is none; then for each schedule: name, due time, expression, note, 1 if a living
--          worker has registered it or 0, record. Or an error that names a key
local prefix, limit, after = KEYS[1], tonumber(ARGV[1]), ARGV[2]
${serverTime}
${schedulePages}
local broken = brokenSchedules()
if broken then return broken end
-- The clock may have been set back.
if after and tonumber(after) > now then after = nil end
local due = pageOfSchedules(limit, after, ARGV[3])
local future = redis.call('ZRANGEBYSCORE', times, '(' .. string.format('%.0f', now), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
-- Another client may have stored an infinite due time; that is never waited for.
local ms = future[2] and future[2] - now or math.huge
local answer = { now, #due == 2 * limit and 1 or 0, ms < math.huge and string.format('%.0f', ms) or '' }
for i = 1, #due, 2 do
  local name = due[i]
  if tonumber(due[i + 1]) > now then
    answer[2] = 0
    break
  end
  local expression = redis.call('HGET', expressions, name)
  local note = redis.call('HGET', notes, name)
  -- A key of the wrong type concerns this schedule alone.
  local data = redis.pcall('GET', ${lua.scheduleData("name")})
  if type(data) ~= 'string' then data = '' end
  -- If this key is not a sorted set, every job counts as registered.
  local registeredUntil = redis.pcall('ZSCORE', ${lua.registeredJobs}, name)
  local isRegistered = type(registeredUntil) == 'table' or tonumber(registeredUntil or 0) > now
  answer[#answer + 1], answer[#answer + 2], answer[#answer + 3] = name, due[i + 1], expression or ''
  answer[#answer + 1], answer[#answer + 2], answer[#answer + 3] = note or '', isRegistered and 1 or 0, data
end
return answer
`);

/** Loads at most 100 schedules whose current occurrence is due, from behind a place on. */
export async function due(
  redis: CommandSender,
  keys: Keys,
  after: SchedulePlace | null,
  { binary }: { binary: boolean },
): Promise<DueSchedules> {
  const args = after ? [dueLimit, after.time, after.name] : [dueLimit];
  const reply = await script.run<[number, number, ...Payload[]]>(redis, [keys.prefix], args, { binary });
  const [time, unfinished, next, ...fields] = reply;
  const schedules = [];
  for (let i = 0; i < fields.length; i += 6) {
    schedules.push({
      name: textOf(fields[i]!),
      time: scoreOf(fields[i + 1]!),
      expression: textOf(fields[i + 2]!),
      isRegistered: textOf(fields[i + 4]!) === "1",
      data: fields[i + 5]!,
      ...readNote(textOf(fields[i + 3]!)),
    });
  }
  const ms = textOf(next!);
  return { time, due: schedules, unfinished: unfinished === 1, next: ms === "" ? null : Number(ms) };
}
