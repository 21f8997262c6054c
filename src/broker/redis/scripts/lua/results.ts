import { lua } from "../../keys.ts";

/** How long a completion mark is kept, in milliseconds. A result that is kept for less time is stored with one. */
export const completionMarkTtl = 60_000;

/** Maximum number of results in the list of the most recent ones. */
export const recentLimit = 10_000;

/** Lua functions that store results, for scripts that have `prefix`. */
export const resultFunctions: string = `
-- Stored results to be listed as the most recent ones, and the longest ttl among them.
local recentIds, longestTtl = {}, 0

-- Whether a result is kept so briefly that it needs a completion mark.
local function isBrief(ttl)
  return ttl ~= '' and tonumber(ttl) < ${completionMarkTtl}
end

-- The completion mark of a task: 1 for a success or 0; the SHA-1 of a result that is not kept for long, by which a
-- published result is recognised, or '-'; and what finished the task.
local function completionMark(success, ttl, result, cause)
  return success .. ' ' .. (isBrief(ttl) and redis.sha1hex(result) or '-') .. ' ' .. cause
end

-- Stores and publishes a result.
local function keepResult(id, ttl, result)
  if ttl == '' then
    redis.call('SET', ${lua.result("id")}, result)
  elseif ttl ~= '0' then
    redis.call('SET', ${lua.result("id")}, result, 'PX', ttl)
  end
  -- A hint, which may be forbidden: waiters also look by themselves.
  redis.pcall('PUBLISH', ${lua.channel("id")}, result)
end

local function markEnded(id, ttl, result, success, cause)
  redis.call('SET', ${lua.ended("id")}, completionMark(success, ttl, result, cause), 'PX', ${completionMarkTtl})
end

-- Notes that results were stored, for listRecent.
local function noteRecent(ids, ttl)
  if ttl == '0' then return end
  for _, id in ipairs(ids) do recentIds[#recentIds + 1] = id end
  longestTtl = ttl == '' and math.huge or math.max(longestTtl, tonumber(ttl))
end

-- Stores and publishes a result, with a completion mark if the result is not kept for long, or if requested.
local function storeResult(id, ttl, result, success, cause, isMarked)
  keepResult(id, ttl, result)
  if isMarked or isBrief(ttl) then markEnded(id, ttl, result, success, cause) end
  noteRecent({ id }, ttl)
end

-- Whether a task has finished with exactly this result, or by this cause.
local function isStored(id, ttl, result, success, cause)
  return redis.pcall('GET', ${lua.result("id")}) == result or
    redis.pcall('GET', ${lua.ended("id")}) == completionMark(success, ttl, result, cause)
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
