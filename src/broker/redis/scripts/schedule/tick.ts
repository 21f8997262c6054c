import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { Tick, TickAnswer } from "../../../contract/schedule.ts";
import type { Keys } from "../../keys.ts";
import { delayFunctions } from "../lua/delays.ts";
import { occurrenceFunctions } from "../lua/occurrences.ts";
import { serverTime } from "../lua/server_time.ts";

const script = new Script(`
-- Enqueues the next occurrence of schedules: each once, however many workers send it, and however often.
-- KEYS[1]  the queue's prefix
-- ARGV     for each schedule: name, due time of the current occurrence in ms, <priority>:<time zone> in case it has no
--          note; of the next occurrence: id, record, due time in ms
-- returns  number of occurrences that were enqueued; then place, counted from 0, and error, in turn, for schedules whose
--          priority cannot delay occurrences: they are left as they are. Or an error that names a key
local prefix, answer = KEYS[1], { 0 }
${serverTime}
${delayFunctions}
${occurrenceFunctions}
local broken = brokenSchedules()
if broken then return broken end

for i = 1, #ARGV, 6 do
  local name = ARGV[i]
  local kind, placement = string.match(redis.call('HGET', notes, name) or '', '^(%a) ([^:]*:%S+) ')
  if tonumber(redis.call('ZSCORE', times, name) or 0) == tonumber(ARGV[i + 1]) then
    placement = placement or ARGV[i + 2]
    local refused = brokenPlacement(placement)
    if refused then
      answer[#answer + 1], answer[#answer + 2] = (i - 1) / 6, refused.err
    else
      listPastOccurrence(name)
      enqueueOccurrence(name, kind or 'd', placement, ARGV[i + 3], ARGV[i + 4], ARGV[i + 5])
      answer[1] = answer[1] + 1
    end
  end
end
notifyEarliest()
return answer
`);

/** Enqueues the next occurrence of schedules. */
export async function tick(redis: CommandSender, keys: Keys, ticks: readonly Tick[]): Promise<TickAnswer> {
  const args = ticks.flatMap(({ name, time, priority, timeZone, next }) => {
    return [name, time, `${priority}:${timeZone}`, next.taskId, next.data, next.time];
  });
  const [enqueued, ...refusals] = await script.run<[number, ...(number | string)[]]>(redis, [keys.prefix], args);
  const refused = new Map<Tick, Error>();
  for (let i = 0; i < refusals.length; i += 2) {
    refused.set(ticks[refusals[i] as number]!, new Error(String(refusals[i + 1])));
  }
  return { enqueued, refused };
}
