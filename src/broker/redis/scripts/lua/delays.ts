import { lua } from "../../keys.ts";

/** Lua functions that delay tasks, for scripts that have `prefix` and `now`, the time in ms. */
export const delayFunctions: string = `
-- The due time in ms, given as such, or as '+' and a number of ms from now.
local function timeOf(due)
  return string.sub(due, 1, 1) == '+' and now + tonumber(due) or tonumber(due)
end

-- Tasks that this script has made the earliest: by key of the delayed tasks of a priority, in how many ms one is due.
local earliest = {}

-- Delays a task. Returns an error that concerns this task alone, or nil.
local function delay(priority, id, due)
  local delayed, time = ${lua.delayed("priority")}, timeOf(due)
  local added = redis.pcall('ZADD', delayed, string.format('%.0f', time), id)
  if type(added) == 'table' then return added.err end
  if redis.call('ZRANK', delayed, id) == 0 then earliest[delayed] = math.max(0, time - now) end
end

-- Notifies workers of tasks that have become the earliest: a hint, which may be forbidden.
local function notifyEarliest()
  for _, ms in pairs(earliest) do redis.pcall('PUBLISH', ${lua.wake}, 'due ' .. string.format('%.0f', ms)) end
end
`;
