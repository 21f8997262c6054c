import { scheduleKeys } from "./schedule_keys.ts";

/** A Lua function that pages through the schedules of a queue, for scripts that have `prefix`. */
export const schedulePages: string = `
${scheduleKeys}
-- Lists at most so many schedules with their due times, in that order, from behind the one with a due time and name.
local function pageOfSchedules(limit, time, name)
  local start = 0
  if time then
    -- If the schedule has another due time by now, its place is found by the former one alone.
    if tonumber(redis.call('ZSCORE', times, name) or '') ~= tonumber(time) then
      return redis.call('ZRANGEBYSCORE', times, time, '+inf', 'WITHSCORES', 'LIMIT', 0, limit)
    end
    start = redis.call('ZRANK', times, name) + 1
  end
  return redis.call('ZRANGE', times, start, start + limit - 1, 'WITHSCORES')
end
`;
