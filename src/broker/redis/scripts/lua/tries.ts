import { lua } from "../../keys.ts";

/**
 * Lua functions that store how many tries of a task are spent, for scripts that have `prefix`. Most tasks succeed at the
 * first try and have no such number. A set names those that have one: while it is empty, no script reads numbers.
 */
export const triesFunctions: string = `
local tried = ${lua.tried}

-- Stores how many tries are spent.
local function storeTries(id, tries)
  redis.call('SET', ${lua.tries("id")}, tries)
  redis.pcall('SADD', tried, id)
end

-- Spends a try. A key of another type holds no number.
local function spendTry(id)
  redis.pcall('INCR', ${lua.tries("id")})
  redis.pcall('SADD', tried, id)
end

-- Deletes the numbers of tasks that have finished.
local function deleteTries(ids)
  local keys = {}
  for n, id in ipairs(ids) do keys[n] = ${lua.tries("id")} end
  redis.call('DEL', unpack(keys))
  redis.pcall('SREM', tried, unpack(ids))
end
`;
