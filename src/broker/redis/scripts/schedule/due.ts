import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { Payload } from "../../../contract/payload.ts";
import type { DueSchedules } from "../../../contract/schedule.ts";
import { type Keys, lua } from "../../keys.ts";
import { serverTime } from "../lua/server_time.ts";
import { textOf } from "../reply/text.ts";
import { readNote } from "./note.ts";

/** Maximum number of schedules that one call returns. */
const dueLimit = 100;

const script = new Script(`
-- Loads schedules whose current occurrence is due, so that the next one can be enqueued.
-- KEYS[1]  the queue's prefix
-- ARGV     maximum number of schedules
-- returns  the time in ms; then for each schedule: name, due time, expression, note, 1 if a living worker has
--          registered it or 0, record
local prefix = KEYS[1]
${serverTime}
local times, answer = ${lua.scheduleTimes}, { now }
local due = redis.call('ZRANGEBYSCORE', times, '-inf', string.format('%.0f', now), 'WITHSCORES', 'LIMIT', 0, ARGV[1])
for i = 1, #due, 2 do
  local name = due[i]
  local expression = redis.call('HGET', ${lua.scheduleExpressions}, name)
  local note = redis.call('HGET', ${lua.scheduleNotes}, name)
  local data = redis.call('GET', ${lua.scheduleData("name")})
  -- If this key is not a sorted set, every job counts as registered.
  local registeredUntil = redis.pcall('ZSCORE', ${lua.registeredJobs}, name)
  local isRegistered = type(registeredUntil) == 'table' or tonumber(registeredUntil or 0) > now
  answer[#answer + 1], answer[#answer + 2], answer[#answer + 3] = name, due[i + 1], expression or ''
  answer[#answer + 1], answer[#answer + 2], answer[#answer + 3] = note or '', isRegistered and 1 or 0, data or ''
end
return answer
`);

/** Loads at most 100 schedules whose current occurrence is due. */
export async function due(redis: CommandSender, keys: Keys, { binary }: { binary: boolean }): Promise<DueSchedules> {
  const [time, ...fields] = await script.run<[number, ...Payload[]]>(redis, [keys.prefix], [dueLimit], { binary });
  const schedules = [];
  for (let i = 0; i < fields.length; i += 6) {
    schedules.push({
      name: textOf(fields[i]!),
      time: Number(textOf(fields[i + 1]!)),
      expression: textOf(fields[i + 2]!),
      isRegistered: textOf(fields[i + 4]!) === "1",
      data: fields[i + 5]!,
      ...readNote(textOf(fields[i + 3]!)),
    });
  }
  return { time, due: schedules };
}
