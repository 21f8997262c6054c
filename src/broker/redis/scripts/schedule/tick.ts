import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { Tick } from "../../../contract/schedule.ts";
import type { Keys } from "../../keys.ts";
import { delayFunctions } from "../lua/delays.ts";
import { occurrenceFunctions } from "../lua/occurrences.ts";
import { serverTime } from "../lua/server_time.ts";

const script = new Script(`
-- Enqueues the next occurrence of schedules: each once, however many workers send it, and however often.
-- KEYS[1]  the queue's prefix
-- ARGV     for each schedule: name, due time of the current occurrence in ms, <priority>:<time zone> in case it has no
--          note; of the next occurrence: id, record, due time in ms
-- returns  number of occurrences that were enqueued
local prefix, enqueued = KEYS[1], 0
${serverTime}
${delayFunctions}
${occurrenceFunctions}
for i = 1, #ARGV, 6 do
  local name = ARGV[i]
  local kind, placement = string.match(redis.call('HGET', notes, name) or '', '^(%a) ([^:]*:%S+) ')
  if tonumber(redis.call('ZSCORE', times, name) or 0) == tonumber(ARGV[i + 1]) then
    listPastOccurrence(name)
    enqueueOccurrence(name, kind or 'd', placement or ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], ARGV[i + 5])
    enqueued = enqueued + 1
  end
end
notifyEarliest()
return enqueued
`);

/** Enqueues the next occurrence of schedules; returns how many were not enqueued before. */
export async function tick(redis: CommandSender, keys: Keys, ticks: readonly Tick[]): Promise<number> {
  const args = ticks.flatMap(({ name, time, priority, timeZone, next }) => {
    return [name, time, `${priority}:${timeZone}`, next.taskId, next.data, next.time];
  });
  return await script.run<number>(redis, [keys.prefix], args);
}
