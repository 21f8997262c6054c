import { lua } from "../../keys.ts";
import { scheduleKeys } from "./schedule_keys.ts";

/**
 * Lua functions about the occurrences of schedules, for scripts that have `prefix`, `now`, the time in ms, and
 * {@linkcode delayFunctions}.
 *
 * The next occurrence of a schedule is a delayed task like any other. The schedule's note in `:ts:cron` names it:
 * `<kind> <priority>:<time zone> <id of the occurrence>`. Occurrences before it that may not have finished are listed
 * in `:ts:cron:<name>`.
 */
export const occurrenceFunctions: string = `
${scheduleKeys}
-- Returns an error that names a key if no occurrence can be delayed in a placement, <priority>:<time zone>, or nil.
local function brokenPlacement(placement)
  local priority = string.match(placement, '^([^:]*):')
  return wrongType(${lua.delayed("priority")}, 'zset')
end

-- Lists the current occurrence of a schedule as a past one, which may not have finished.
local function listPastOccurrence(name)
  local id = string.match(redis.call('HGET', notes, name) or '', '^%a [^:]*:%S+ (.*)$')
  if not id then return end
  local past = ${lua.pastOccurrences("name")}
  -- A key of the wrong type concerns this schedule alone.
  if type(redis.pcall('LPUSH', past, id)) == 'table' then return end
  redis.call('LTRIM', past, 0, 999)
  -- Finished occurrences are removed from the old end; the oldest usually finish first.
  local oldest = redis.call('LINDEX', past, -1)
  while oldest and redis.call('EXISTS', ${lua.data("oldest")}) == 0 do
    redis.call('RPOP', past)
    oldest = redis.call('LINDEX', past, -1)
  end
end

-- Makes an occurrence the next one of a schedule, and delays it unless it exists or has finished. The caller has checked
-- the placement before its first write.
local function enqueueOccurrence(name, kind, placement, id, data, due)
  local priority = string.match(placement, '^([^:]*):')
  redis.call('ZADD', times, due, name)
  redis.call('HSET', notes, name, kind .. ' ' .. placement .. ' ' .. id)
  local key = ${lua.data("id")}
  local existing = redis.call('EXISTS', key, ${lua.result("id")}, ${lua.ended("id")})
  if existing == 0 then
    redis.call('SET', key, data)
    delay(priority, id, due)
  end
end
`;
