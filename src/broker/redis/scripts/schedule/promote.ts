import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { Promotion } from "../../../contract/scheduling.ts";
import { type Keys, lua } from "../../keys.ts";
import { serverTime } from "../lua/server_time.ts";

/** Maximum number of tasks that one call promotes. */
const promoteLimit = 500;

const script = new Script(`
-- Moves due tasks to their streams: the highest priority first, then in the order of their due times.
-- KEYS[1]  the queue's prefix
-- ARGV     maximum number of tasks; then priorities, highest first
-- returns  number of moved tasks; in how many ms the next delayed task is due, or '' if there is none; the same for
--          schedules; 1 if tasks are delayed beside the next occurrence of each schedule, else 0
local prefix, left, promoted, delayedCount, next = KEYS[1], tonumber(ARGV[1]), 0, 0, nil
${serverTime}
for i = 2, #ARGV do
  local delayed, stream = ${lua.delayed("ARGV[i]")}, ${lua.stream("ARGV[i]")}
  -- A key that is not a sorted set, or not a stream, does not stop the other priorities.
  local due = redis.pcall('ZRANGEBYSCORE', delayed, '-inf', now, 'WITHSCORES', 'LIMIT', 0, left)
  local kind = redis.call('TYPE', stream).ok
  if not due.err and (kind == 'stream' or kind == 'none') then
    local ids = {}
    for n = 1, #due, 2 do ids[#ids + 1] = due[n] end
    if #ids > 0 then redis.call('ZREM', delayed, unpack(ids)) end
    for n, id in ipairs(ids) do
      -- The task has been ready since its due time, if that is a valid time.
      local dueTime = tonumber(due[2 * n])
      local enqueueTime = dueTime >= 0 and string.format('%.0f', dueTime) or now
      redis.call('XADD', stream, '*', 'task_id', id, 'enqueue_time', enqueueTime)
    end
    promoted, left = promoted + #ids, left - #ids
    delayedCount = delayedCount + redis.call('ZCARD', delayed)
    local first = redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES')
    if first[1] then next = math.min(next or math.huge, math.max(0, first[2] - now)) end
  end
end
local scheduleCount = redis.pcall('ZCARD', ${lua.scheduleTimes})
local hasDelayed = type(scheduleCount) == 'table' or delayedCount > scheduleCount
local schedule = redis.pcall('ZRANGE', ${lua.scheduleTimes}, 0, 0, 'WITHSCORES')
-- Another client may have stored an infinite due time; that is never waited for.
local function show(ms) return ms and ms < math.huge and string.format('%.0f', ms) or '' end
return { promoted, show(next), show(schedule[1] and math.max(0, schedule[2] - now)), hasDelayed and 1 or 0 }
`);

/** Moves due tasks to their streams; also returns whether tasks are delayed beside the occurrences of schedules. */
export async function promote(
  redis: CommandSender,
  keys: Keys,
  priorities: readonly string[],
): Promise<Omit<Promotion, "pollIn"> & { hasDelayed: boolean }> {
  const args = [promoteLimit, ...priorities.toReversed()];
  const reply = await script.run<[number, string, string, number]>(redis, [keys.prefix], args);
  const [promoted, next, nextSchedule, hasDelayed] = reply;
  const read = (ms: string) => ms === "" ? null : Number(ms);
  return { promoted, next: read(next), nextSchedule: read(nextSchedule), hasDelayed: hasDelayed === 1 };
}
