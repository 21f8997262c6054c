import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { Promotion } from "../../../contract/scheduling.ts";
import { type Keys, lua } from "../../keys.ts";
import { serverTime } from "../lua/server_time.ts";

/** How many tasks one call promotes at most. */
const promoteLimit = 500;

const script = new Script(`
-- Moves tasks that are due to their streams, highest priority first, in the order in which they became due.
-- KEYS[1]  the queue's prefix
-- ARGV     how many at most; then priorities, highest first
-- returns  how many were moved, in how many ms the next one is due, or '' when there is none, and the same for the tasks
--          that repeat
local prefix, left, moved, next = KEYS[1], tonumber(ARGV[1]), 0, nil
${serverTime}
for i = 2, #ARGV do
  local delayed, stream = ${lua.delayed("ARGV[i]")}, ${lua.stream("ARGV[i]")}
  -- A key that is no sorted set, or no stream, holds up nothing else.
  local due = redis.pcall('ZRANGEBYSCORE', delayed, '-inf', now, 'WITHSCORES', 'LIMIT', 0, left)
  local kind = redis.call('TYPE', stream).ok
  if not due.err and (kind == 'stream' or kind == 'none') then
    local ids = {}
    for n = 1, #due, 2 do ids[#ids + 1] = due[n] end
    if #ids > 0 then redis.call('ZREM', delayed, unpack(ids)) end
    for n, id in ipairs(ids) do
      -- It has been ready since it was due, unless that is no time.
      local since = tonumber(due[2 * n])
      local ready = since >= 0 and string.format('%.0f', since) or now
      redis.call('XADD', stream, '*', 'task_id', id, 'enqueue_time', ready)
    end
    moved, left = moved + #ids, left - #ids
    local first = redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES')
    if first[1] then next = math.min(next or math.huge, math.max(0, first[2] - now)) end
  end
end
local repetition = redis.pcall('ZRANGE', ${lua.scheduleTimes}, 0, 0, 'WITHSCORES')
-- One that is never due, as a foreign client may have put there, is not waited for.
local function show(ms) return ms and ms < math.huge and string.format('%.0f', ms) or '' end
return { moved, show(next), show(repetition[1] and math.max(0, repetition[2] - now)) }
`);

/** Moves tasks that are due to their streams. */
export async function promote(redis: CommandSender, keys: Keys, priorities: readonly string[]): Promise<Promotion> {
  const args = [promoteLimit, ...priorities.toReversed()];
  const [promoted, next, repetition] = await script.run<[number, string, string]>(redis, [keys.prefix], args);
  const read = (ms: string) => ms === "" ? null : Number(ms);
  return { promoted, next: read(next), nextSchedule: read(repetition) };
}
