import { lua } from "../../keys.ts";
/** Lua that puts tasks where they wait for their time, for scripts that have `prefix` and `now`, a time in ms. */
export const delayFunctions: string = `
local function timeOf(due)
  return string.sub(due, 1, 1) == '+' and now + tonumber(due) or tonumber(due)
end

local earliest = {}

-- Lets a task wait; returns an error that concerns it alone.
local function delay(priority, id, due)
  local delayed, time = ${lua.delayed("priority")}, timeOf(due)
  local added = redis.pcall('ZADD', delayed, string.format('%.0f', time), id)
  if type(added) == 'table' then return added.err end
  if redis.call('ZRANK', delayed, id) == 0 then earliest[delayed] = math.max(0, time - now) end
end

-- Tells the workers of tasks that have become the earliest.
local function announce()
  for _, ms in pairs(earliest) do redis.call('PUBLISH', ${lua.wake}, 'due ' .. string.format('%.0f', ms)) end
end
`;
