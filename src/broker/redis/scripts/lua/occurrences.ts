import { lua } from "../../keys.ts";
/**
 * Lua for tasks that repeat, for scripts that have `prefix` and `now`, a time in ms, and {@linkcode delayFunctions}. Of each job
 * there is the next occurrence, which waits for its time like any delayed task, and a note in `:ts:cron`:
 * `<kind> <priority>:<zone> <id of that occurrence>`. Those before it that have not ended are listed in `:ts:cron:<name>`.
 */
export const occurrenceFunctions: string = `
local jobs, schedule, notes = ${lua.scheduleExpressions}, ${lua.scheduleTimes}, ${lua.scheduleNotes}

-- Notes that an occurrence is not the next one any more, though it may not have ended.
local function pass(name)
  local id = string.match(redis.call('HGET', notes, name) or '', '^%a [^:]*:%S+ (.*)$')
  if not id then return end
  local passed = ${lua.pastOccurrences("name")}
  redis.call('LPUSH', passed, id)
  redis.call('LTRIM', passed, 0, 999)
  -- The oldest end first.
  local oldest = redis.call('LINDEX', passed, -1)
  while oldest and redis.call('EXISTS', ${lua.data("oldest")}) == 0 do
    redis.call('RPOP', passed)
    oldest = redis.call('LINDEX', passed, -1)
  end
end

-- Lets an occurrence wait for its time, unless it is there or has ended.
local function await(name, kind, place, id, data, due)
  local priority = string.match(place, '^([^:]*):')
  redis.call('ZADD', schedule, due, name)
  redis.call('HSET', notes, name, kind .. ' ' .. place .. ' ' .. id)
  local key = ${lua.data("id")}
  local known = redis.call('EXISTS', key, ${lua.result("id")}, ${lua.ended("id")})
  if known == 0 then
    redis.call('SET', key, data)
    local err = delay(priority, id, due)
    if err then
      redis.call('DEL', key)
      return err
    end
  end
end
`;
