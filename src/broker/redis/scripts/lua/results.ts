import { lua } from "../../keys.ts";
/** For how long at least it is known that a task has ended, in milliseconds. */
export const remembered = 60_000;

/** How many of the most recent results are listed. */
export const recentLimit = 10_000;

/** Lua that stores the results of tasks that have ended, for scripts that have `prefix`. */
export const resultFunctions: string = `
local kept, longest = {}, 0

-- Stores and publishes a result. The mark tells, where no result is kept, who ended the task.
local function store(id, ttl, result, mark)
  local key = ${lua.result("id")}
  if ttl == '' then
    redis.call('SET', key, result)
  elseif ttl ~= '0' then
    redis.call('SET', key, result, 'PX', ttl)
  end
  if ttl ~= '' and tonumber(ttl) < ${remembered} then
    redis.call('SET', ${lua.ended("id")}, mark, 'PX', ${remembered})
  end
  if ttl ~= '0' then
    kept[#kept + 1] = id
    longest = ttl == '' and math.huge or math.max(longest, tonumber(ttl))
  end
  redis.call('PUBLISH', ${lua.channel("id")}, result)
end

-- Whether a task has ended with just this result.
local function stored(id, result, mark)
  return redis.pcall('GET', ${lua.result("id")}) == result or
    redis.call('GET', ${lua.ended("id")}) == mark
end

-- Lists what was stored as the most recent results. The list lives as long as one of them may.
local function list()
  if #kept == 0 then return end
  local recent = ${lua.recent}
  local left = redis.call('PTTL', recent)
  -- An error is a table, a length is not.
  if type(redis.pcall('LPUSH', recent, unpack(kept))) == 'table' then return end
  redis.call('LTRIM', recent, 0, ${recentLimit - 1})
  if longest == math.huge then
    redis.call('PERSIST', recent)
  elseif left ~= -1 and left < longest then
    redis.call('PEXPIRE', recent, longest)
  end
end
`;
