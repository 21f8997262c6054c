import { lua } from "../../keys.ts";

/** How long a completion mark is kept, in milliseconds. A result that is kept for less time is stored with one. */
export const completionMarkTtl = 60_000;

/** Length of the beginning of generated ids by which the producer of a task is found. */
export const tagLength = 8;

/** How long a producer keeps a result that has arrived before anything waits for it, in milliseconds. */
export const earlyReplyTime = 1000;

/** Maximum length of a result that is sent to the producer of its task, which reads longer ones itself. */
const longestReply = 4096;

/** Maximum number of results in the list of the most recent ones. */
export const recentLimit = 10_000;

/** Lua functions that tell of stored results, for scripts that have `prefix`. */
export const announcementFunctions: string = `
-- A result in the message to the producer of its task: three numbers, each followed by a blank: the length of the id, the
-- length of the result or -1 for a long one, and 1 if the result stays for a while, 2 if it is a failure whose task can be
-- retried, else 0. The id and the result follow.
local function replyOf(id, result, isKept)
  if #result > ${longestReply} and isKept == '1 ' then return #id .. ' -1 ' .. isKept .. id end
  return #id .. ' ' .. #result .. ' ' .. isKept .. id .. result
end

-- Adds tasks to the list of the most recent results, which expires together with its longest-lived result.
local function listRecent(ids, ttl)
  local recent = ${lua.recent}
  local remaining = redis.call('PTTL', recent)
  local length = redis.pcall('LPUSH', recent, unpack(ids))
  -- An error is a table.
  if type(length) == 'table' then return end
  if length > ${recentLimit} then redis.call('LTRIM', recent, 0, ${recentLimit - 1}) end
  if ttl == math.huge then
    redis.call('PERSIST', recent)
  elseif remaining ~= -1 and remaining < ttl then
    redis.call('PEXPIRE', recent, ttl)
  end
end
`;

/** Lua functions that store results, for scripts that have `prefix`. */
export const resultFunctions: string = `
${announcementFunctions}
-- Stored results to be listed as the most recent ones, and the longest ttl among them.
local recentIds, longestTtl = {}, 0

-- Ids, results and whether these are kept, in turn, for the producers of the tasks, by the beginning of the ids.
local repliesByTag, hasProducers = {}, nil

-- Whether a result is kept so briefly that it needs a completion mark.
local function isBrief(ttl)
  return ttl ~= '' and tonumber(ttl) < ${completionMarkTtl}
end

-- The completion mark of a task: 1 for a success or 0; the SHA-1 of a result that is not kept for long, by which a
-- published result is recognised, or '-'; and what finished the task.
local function completionMark(success, ttl, result, cause)
  return success .. ' ' .. (isBrief(ttl) and redis.sha1hex(result) or '-') .. ' ' .. cause
end

-- Stores and publishes a result. The failure of a task that can be retried may change.
local function keepResult(id, ttl, result, mayChange)
  if ttl == '' then
    redis.call('SET', ${lua.result("id")}, result)
  elseif ttl ~= '0' then
    redis.call('SET', ${lua.result("id")}, result, 'PX', ttl)
  end
  -- A hint, which may be forbidden: callers that wait for the result also read it by themselves.
  redis.pcall('PUBLISH', ${lua.channel("id")}, result)
  if hasProducers == nil then hasProducers = redis.call('EXISTS', ${lua.producers}) == 1 end
  if hasProducers then
    local tag = string.sub(id, 1, ${tagLength})
    local replies = repliesByTag[tag] or {}
    repliesByTag[tag] = replies
    local n, isKept = #replies, ttl == '' or tonumber(ttl) >= ${earlyReplyTime}
    replies[n + 1], replies[n + 2], replies[n + 3] = id, result, mayChange and '2 ' or isKept and '1 ' or '0 '
  end
end

local function markEnded(id, ttl, result, success, cause)
  redis.call('SET', ${lua.ended("id")}, completionMark(success, ttl, result, cause), 'PX', ${completionMarkTtl})
end

-- Notes that results were stored, for announceResults.
local function noteRecent(ids, ttl)
  if ttl == '0' then return end
  for _, id in ipairs(ids) do recentIds[#recentIds + 1] = id end
  longestTtl = ttl == '' and math.huge or math.max(longestTtl, tonumber(ttl))
end

-- Stores and publishes a result, with a completion mark if the result is not kept for long, or if requested.
local function storeResult(id, ttl, result, success, cause, isMarked, mayChange)
  keepResult(id, ttl, result, mayChange)
  if isMarked or isBrief(ttl) then markEnded(id, ttl, result, success, cause) end
  noteRecent({ id }, ttl)
end

-- Whether a task has finished with exactly this result, or by this cause.
local function isStored(id, ttl, result, success, cause)
  return redis.pcall('GET', ${lua.result("id")}) == result or
    redis.pcall('GET', ${lua.ended("id")}) == completionMark(success, ttl, result, cause)
end

-- Must be called after the last result was stored. Each producer that waits for results of its own tasks receives one
-- message.
local function announceResults()
  if next(repliesByTag) then
    local tags = {}
    for tag in pairs(repliesByTag) do tags[#tags + 1] = tag end
    local names = redis.pcall('HMGET', ${lua.producers}, unpack(tags))
    for n, tag in ipairs(tags) do
      local replies, parts = repliesByTag[tag], {}
      for i = 1, names[n] and #replies or 0, 3 do
        parts[#parts + 1] = replyOf(replies[i], replies[i + 1], replies[i + 2])
      end
      if #parts > 0 then redis.pcall('PUBLISH', ${lua.replies("names[n]")}, table.concat(parts)) end
    end
  end
  if #recentIds > 0 then listRecent(recentIds, longestTtl) end
end
`;
