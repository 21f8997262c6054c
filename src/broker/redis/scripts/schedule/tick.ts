import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { Tick } from "../../../contract/schedule.ts";
import type { Keys } from "../../keys.ts";
import { delayFunctions } from "../lua/delay.ts";
import { occurrenceFunctions } from "../lua/occurrences.ts";
import { serverTime } from "../lua/server_time.ts";

const script = new Script(`
-- Enqueues the next occurrence of jobs, each once, whoever asks and how often.
-- KEYS[1]  the queue's prefix
-- ARGV     for each job: name, time of the occurrence that has become due, priority:zone where there is no note of them;
--          of the next one: id, record, time in ms
-- returns  how many were enqueued here
local prefix, ticked = KEYS[1], 0
${serverTime}
${delayFunctions}
${occurrenceFunctions}
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

/** Enqueues the next occurrence of jobs; how many of them were not enqueued by somebody else before. */
export async function tick(redis: CommandSender, keys: Keys, ticks: readonly Tick[]): Promise<number> {
  const args = ticks.flatMap(({ name, time, priority, timeZone, next }) => {
    return [name, time, `${priority}:${timeZone}`, next.taskId, next.data, next.time];
  });
  return await script.run<number>(redis, [keys.prefix], args);
}
