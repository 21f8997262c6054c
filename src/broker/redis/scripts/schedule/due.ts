import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { Payload } from "../../../contract/payload.ts";
import type { DueSchedules } from "../../../contract/schedule.ts";
import { type Keys, lua } from "../../keys.ts";
import { serverTime } from "../lua/server_time.ts";
import { readNote } from "./note.ts";

/** How many jobs are looked at in one call. */
const dueLimit = 100;

const script = new Script(`
-- Jobs whose occurrence has become due, so that the one after it is to be enqueued.
-- KEYS[1]  the queue's prefix
-- ARGV     how many at most
-- returns  the time in ms; then for each: name, time, expression, note, whether a living worker has it in its code, record
local prefix = KEYS[1]
${serverTime}
local schedule, answer = ${lua.scheduleTimes}, { now }
local due = redis.call('ZRANGEBYSCORE', schedule, '-inf', string.format('%.0f', now), 'WITHSCORES', 'LIMIT', 0, ARGV[1])
for i = 1, #due, 2 do
  local name = due[i]
  local expression = redis.call('HGET', ${lua.scheduleExpressions}, name)
  local note = redis.call('HGET', ${lua.scheduleNotes}, name)
  local data = redis.call('GET', ${lua.scheduleData("name")})
  -- Where that is no sorted set, nobody is said not to know it.
  local knownUntil = redis.pcall('ZSCORE', ${lua.registeredJobs}, name)
  local known = type(knownUntil) == 'table' or tonumber(knownUntil or 0) > now
  answer[#answer + 1], answer[#answer + 2], answer[#answer + 3] = name, due[i + 1], expression or ''
  answer[#answer + 1], answer[#answer + 2], answer[#answer + 3] = note or '', known and 1 or 0, data or ''
end
return answer
`);

/** Jobs whose occurrence has become due, 100 at most. */
export async function due(redis: CommandSender, keys: Keys, { binary }: { binary: boolean }): Promise<DueSchedules> {
  const [time, ...fields] = await script.run<[number, ...Payload[]]>(redis, [keys.prefix], [dueLimit], {
    binary,
  });
  const text = new TextDecoder();
  const show = (value: Payload | number) => typeof value === "object" ? text.decode(value) : String(value);
  const schedules = [];
  for (let i = 0; i < fields.length; i += 6) {
    const note = readNote(show(fields[i + 3]!));
    schedules.push({
      name: show(fields[i]!),
      time: Number(show(fields[i + 1]!)),
      expression: show(fields[i + 2]!),
      isRegistered: show(fields[i + 4]!) === "1",
      data: fields[i + 5]!,
      ...note,
    });
  }
  return { time, due: schedules };
}
