import { lua } from "../../keys.ts";

/** How long a completion mark is kept, in milliseconds. A result that is kept for less time is stored with one. */
export const completionMarkTtl = 60_000;

/** Maximum number of results in the list of the most recent ones. */
export const recentLimit = 10_000;

/** Lua functions that store results, for scripts that have `prefix`. */
export const resultFunctions: string = `
-- Stored results to be listed as the most recent ones, and the longest ttl among them.
local recentIds, longestTtl = {}, 0

-- Stores and publishes a result, with a completion mark if the result is not kept for long.
local function storeResult(id, ttl, result, mark)
  local key = ${lua.result("id")}
  if ttl == '' then
    redis.call('SET', key, result)
  elseif ttl ~= '0' then
    redis.call('SET', key, result, 'PX', ttl)
  end
  if ttl ~= '' and tonumber(ttl) < ${completionMarkTtl} then
    redis.call('SET', ${lua.ended("id")}, mark, 'PX', ${completionMarkTtl})
  end
  if ttl ~= '0' then
    recentIds[#recentIds + 1] = id
    longestTtl = ttl == '' and math.huge or math.max(longestTtl, tonumber(ttl))
  end
  redis.call('PUBLISH', ${lua.channel("id")}, result)
end

-- Whether a task has finished with exactly this result, or this mark.
local function isStored(id, result, mark)
  return redis.pcall('GET', ${lua.result("id")}) == result or
    redis.call('GET', ${lua.ended("id")}) == mark
end

-- Adds the stored results to the list of the most recent ones, which expires together with its longest-lived result.
local function listRecent()
  if #recentIds == 0 then return end
  local recent = ${lua.recent}
  local remaining = redis.call('PTTL', recent)
  -- An error is a table, a length is a number.
  if type(redis.pcall('LPUSH', recent, unpack(recentIds))) == 'table' then return end
  redis.call('LTRIM', recent, 0, ${recentLimit - 1})
  if longestTtl == math.huge then
    redis.call('PERSIST', recent)
  elseif remaining ~= -1 and remaining < longestTtl then
    redis.call('PEXPIRE', recent, longestTtl)
  end
end
`;
