import { lua } from "../../keys.ts";
import { priorityFunction } from "./priorities.ts";

/**
 * Lua functions that withdraw occurrences of a schedule, for scripts that have {@linkcode occurrenceFunctions},
 * {@linkcode dependencyFunctions} and {@linkcode triesFunctions}. The dependents of a withdrawn occurrence fail.
 */
export const withdrawalFunctions: string = `
${priorityFunction}
-- How many withdrawn occurrences have dependents that are still to be failed.
local listed = 0

-- Returns an error that names a key if withdrawing could stop half way, or nil.
local function brokenWithdrawal()
  return wrongType(${lua.running}, 'hash') or wrongType(${lua.dropped}, 'hash')
end

-- Removes an occurrence that has not started.
local function withdraw(priority, id)
  if redis.call('HEXISTS', ${lua.running}, id) == 1 then return end
  if redis.call('DEL', ${lua.data("id")}) == 0 then return end
  deleteTries({ id })
  -- An occurrence that is not delayed has an entry somewhere in the stream.
  if redis.pcall('ZREM', ${lua.delayed("priority")}, id) ~= 1 then
    redis.pcall('HINCRBY', ${lua.dropped}, id, 1)
    notePriorities(priority)
  end
  listed = listed + listFanOut(id, '0 ' .. id)
end

-- Removes the occurrences of a schedule that have not started; those that run continue.
local function withdrawOccurrences(name)
  local priority, id = string.match(redis.call('HGET', notes, name) or '', '^%a ([^:]*):%S+ (.*)$')
  if not id then return end
  withdraw(priority, id)
  local past = ${lua.pastOccurrences("name")}
  -- A key of another type names no occurrences.
  for _, earlier in ipairs(redis.pcall('LRANGE', past, 0, -1)) do withdraw(priority, earlier) end
  redis.call('DEL', past)
end
`;
