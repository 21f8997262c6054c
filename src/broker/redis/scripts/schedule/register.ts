import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { Registration } from "../../../contract/schedule.ts";
import { type Keys, lua } from "../../keys.ts";
import { scheduleKeys } from "../lua/schedule_keys.ts";
import { serverTime } from "../lua/server_time.ts";
import { scoreOf } from "../reply/score.ts";
import { readNote } from "./note.ts";

const script = new Script(`
-- Registers the cron jobs of a living worker.
-- KEYS[1]  the queue's prefix
-- ARGV     how long the registration counts, in ms; then names
-- returns  the time in ms; then for each name: expression, note and due time of its schedule, three times '' if that is
--          not complete. Or an error that names a key
local prefix = KEYS[1]
local registered = ${lua.registeredJobs}
${serverTime}
${scheduleKeys}
local broken = brokenSchedules() or wrongType(registered, 'zset')
if broken then return broken end
local answer = { now }
redis.call('ZREMRANGEBYSCORE', registered, '-inf', now)
for i = 2, #ARGV do
  redis.call('ZADD', registered, now + ARGV[1], ARGV[i])
  local note, expression = redis.call('HGET', notes, ARGV[i]), redis.call('HGET', expressions, ARGV[i])
  local due = redis.call('ZSCORE', times, ARGV[i])
  local isComplete = note and expression and due and redis.call('EXISTS', ${lua.scheduleData("ARGV[i]")}) == 1
  answer[#answer + 1], answer[#answer + 2] = isComplete and expression or '', isComplete and note or ''
  answer[#answer + 1] = isComplete and due or ''
end
-- The registrations of other workers may count for longer.
if redis.call('PTTL', registered) < tonumber(ARGV[1]) then redis.call('PEXPIRE', registered, ARGV[1]) end
return answer
`);

/** Registers cron jobs for `ms` milliseconds; returns their schedules. */
export async function register(
  redis: CommandSender,
  keys: Keys,
  names: readonly string[],
  ms: number,
): Promise<Registration> {
  const [time, ...fields] = await script.run<[number, ...string[]]>(redis, [keys.prefix], [ms, ...names]);
  const schedules = names.map((_, i) => {
    const [expression = "", note = "", due = ""] = fields.slice(3 * i, 3 * i + 3);
    return due === "" ? null : { expression, timeZone: readNote(note).timeZone, time: scoreOf(due) };
  });
  return { time, schedules };
}
