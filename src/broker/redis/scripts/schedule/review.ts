import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { Payload } from "../../../contract/payload.ts";
import type { ReviewedSchedule, SchedulePlace, ScheduleReview } from "../../../contract/schedule.ts";
import { type Keys, lua } from "../../keys.ts";
import { schedulePages } from "../lua/schedule_pages.ts";
import { serverTime } from "../lua/server_time.ts";
import { scoreOf } from "../reply/score.ts";
import { textOf } from "../reply/text.ts";
import { readNote } from "./note.ts";

/** Maximum number of schedules that one call returns. */
const reviewLimit = 100;
/** How many bytes of records one call returns; the last schedule may exceed it. */
const sizeLimit = 1_048_576;

const script = new Script(`
-- Loads schedules with their next occurrences, due or not.
-- KEYS[1]  the queue's prefix
-- ARGV     maximum number of schedules, maximum number of bytes; due time and name of the schedule behind which to
--          begin, if not at the front
-- returns  the time in ms; 1 if there may be more schedules, or 0; then for each schedule: name, due time, expression,
--          note, record, record of the next occurrence if it waits for its time or ''. Or an error that names a key
local prefix, limit, room = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])
${serverTime}
${schedulePages}
local broken = brokenSchedules()
if broken then return broken end
local page = pageOfSchedules(limit, ARGV[3], ARGV[4])
local answer = { now, #page == 2 * limit and 1 or 0 }
-- A key of the wrong type concerns one schedule alone.
local function load(key)
  local data = redis.pcall('GET', key)
  return type(data) == 'string' and data or ''
end
for i = 1, #page, 2 do
  local name = page[i]
  local note = redis.call('HGET', notes, name) or ''
  local data, occurrence = load(${lua.scheduleData("name")}), ''
  local priority, id = string.match(note, '^%a ([^:]*):%S+ (.*)$')
  if id and type(redis.pcall('ZSCORE', ${lua.delayed("priority")}, id)) == 'string' then
    occurrence = load(${lua.data("id")})
  end
  answer[#answer + 1], answer[#answer + 2] = name, page[i + 1]
  answer[#answer + 1] = redis.call('HGET', expressions, name) or ''
  answer[#answer + 1], answer[#answer + 2], answer[#answer + 3] = note, data, occurrence
  room = room - #data - #occurrence
  if room < 0 then
    answer[2] = 1
    break
  end
end
return answer
`);

/** Loads at most 100 schedules with their next occurrences, from behind a place on. */
export async function review(
  redis: CommandSender,
  keys: Keys,
  after: SchedulePlace | null,
  { binary }: { binary: boolean },
): Promise<ScheduleReview> {
  const args = [reviewLimit, sizeLimit, ...after ? [after.time, after.name] : []];
  const reply = await script.run<[number, number, ...Payload[]]>(redis, [keys.prefix], args, { binary });
  const [time, unfinished, ...fields] = reply;
  const schedules: ReviewedSchedule[] = [];
  for (let i = 0; i < fields.length; i += 6) {
    const waiting = fields[i + 5]!;
    schedules.push({
      name: textOf(fields[i]!),
      time: scoreOf(fields[i + 1]!),
      expression: textOf(fields[i + 2]!),
      data: fields[i + 4]!,
      waiting: waiting.length === 0 ? null : waiting,
      ...readNote(textOf(fields[i + 3]!)),
    });
  }
  return { time, schedules, unfinished: unfinished === 1 };
}
