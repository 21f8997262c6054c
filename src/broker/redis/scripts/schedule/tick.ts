import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { Payload } from "../../../contract/payload.ts";
import type { DueSchedules, NewSchedule, Tick } from "../../../contract/schedule.ts";
import { type Keys, lua } from "../../keys.ts";
import { delaying } from "../lua/delaying.ts";
import { repeating } from "../lua/scheduling.ts";
import { serverTime } from "../lua/server_time.ts";

/** How many jobs are looked at in one call. */
const dueLimit = 100;

const dueScript = new Script(`
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

const tickScript = new Script(`
-- Enqueues the next occurrence of jobs, each once, whoever asks and how often.
-- KEYS[1]  the queue's prefix
-- ARGV     for each job: name, time of the occurrence that has become due, priority:zone where there is no note of them;
--          of the next one: id, record, time in ms
-- returns  how many were enqueued here
local prefix, ticked = KEYS[1], 0
${serverTime}
${delaying}
${repeating}
for i = 1, #ARGV, 6 do
  local name = ARGV[i]
  local kind, place = string.match(redis.call('HGET', notes, name) or '', '^(%a) ([^:]*:%S+) ')
  if tonumber(redis.call('ZSCORE', schedule, name) or 0) == tonumber(ARGV[i + 1]) then
    pass(name)
    await(name, kind or 'd', place or ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], ARGV[i + 5])
    ticked = ticked + 1
  end
end
announce()
return ticked
`);

const registerScript = new Script(`
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

/** Jobs whose occurrence has become due, 100 at most. */
export async function due(redis: CommandSender, keys: Keys, { binary }: { binary: boolean }): Promise<DueSchedules> {
  const [time, ...fields] = await dueScript.run<[number, ...Payload[]]>(redis, [keys.prefix], [dueLimit], {
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

/** Enqueues the next occurrence of jobs; how many of them were not enqueued by somebody else before. */
export async function tick(redis: CommandSender, keys: Keys, ticks: readonly Tick[]): Promise<number> {
  const args = ticks.flatMap(({ name, time, priority, timeZone, next }) => {
    return [name, time, `${priority}:${timeZone}`, next.taskId, next.data, next.time];
  });
  return await tickScript.run<number>(redis, [keys.prefix], args);
}

/** Notes that a living worker has jobs in its code; those that are not scheduled. */
export async function register(
  redis: CommandSender,
  keys: Keys,
  names: readonly string[],
  ms: number,
): Promise<string[]> {
  return await registerScript.run<string[]>(redis, [keys.prefix], [ms, ...names]);
}

/** Parts `<kind> <priority>:<zone> <id of an occurrence>`. */
export function readNote(note: string): Pick<NewSchedule, "isStatic" | "priority" | "timeZone"> {
  const [, kind = "d", priority = "", timeZone = "UTC"] = /^([a-z]) ([^:]*):(\S+) /.exec(note) ?? [];
  return { isStatic: kind === "s", priority, timeZone };
}
