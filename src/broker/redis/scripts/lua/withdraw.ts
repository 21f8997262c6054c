import { lua } from "../../keys.ts";
/**
 * Lua that takes back occurrences of a task that repeats, for scripts that have what {@linkcode occurrenceFunctions} and
 * {@linkcode dependencyFunctions} define. What depends on them fails, as if they had.
 */
export const withdrawFunction: string = `
local listed = 0

local function takeBack(priority, id)
  if redis.call('HEXISTS', ${lua.running}, id) == 1 then return end
  if redis.call('DEL', ${lua.data("id")}) == 0 then return end
  redis.call('DEL', ${lua.tries("id")})
  if redis.call('ZREM', ${lua.delayed("priority")}, id) == 0 then
    redis.call('HINCRBY', ${lua.dropped}, id, 1)
  end
  listed = listed + fanOut(id, '0 ' .. id)
end

-- Takes back the occurrences that wait; what runs already goes on.
local function withdraw(name)
  local priority, id = string.match(redis.call('HGET', notes, name) or '', '^%a ([^:]*):%S+ (.*)$')
  if not id then return end
  takeBack(priority, id)
  local passed = ${lua.pastOccurrences("name")}
  for _, earlier in ipairs(redis.call('LRANGE', passed, 0, -1)) do takeBack(priority, earlier) end
  redis.call('DEL', passed)
end
`;
