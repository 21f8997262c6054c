import { lua } from "../../keys.ts";

/** A Lua function that pages through the schedules of a queue, for scripts that have `prefix`. */
export const schedulePages: string = `
local times = ${lua.scheduleTimes}

-- Lists at most so many schedules with their due times, in that order, from behind the one with a due time and name.
local function pageOfSchedules(limit, time, name)
  local start = 0
  if time then
    -- If the schedule has another due time by now, its place is found by the former one alone.
    local isThere = tonumber(redis.call('ZSCORE', times, name) or '') == tonumber(time)
    start = isThere and redis.call('ZRANK', times, name) + 1 or redis.call('ZCOUNT', times, '-inf', '(' .. time)
  end
  return redis.call('ZRANGE', times, start, start + limit - 1, 'WITHSCORES')
end
`;
