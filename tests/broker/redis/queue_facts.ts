import { type RedisClient, Script } from "../../../src/redis/mod.ts";
import type { Keys } from "../../../src/broker/redis/keys.ts";

const script = new Script(`
-- Dumps a queue, one text for each value, field, member, element or entry: key, its type, value.
-- KEYS[1]  the queue's prefix
local facts = {}
local function add(key, kind, ...)
  facts[#facts + 1] = table.concat({ string.sub(key, #KEYS[1] + 1), kind, ... }, ' ')
end
local function addPairs(key, kind, values)
  for n = 1, #values, 2 do add(key, kind, values[n], values[n + 1]) end
end
for _, key in ipairs(redis.call('KEYS', KEYS[1] .. ':*')) do
  local kind = redis.call('TYPE', key).ok
  if kind == 'string' then
    add(key, kind, redis.call('GET', key))
  elseif kind == 'hash' then
    addPairs(key, kind, redis.call('HGETALL', key))
  elseif kind == 'set' then
    for _, member in ipairs(redis.call('SMEMBERS', key)) do add(key, kind, member) end
  elseif kind == 'zset' then
    addPairs(key, kind, redis.call('ZRANGE', key, 0, -1, 'WITHSCORES'))
  elseif kind == 'list' then
    for _, element in ipairs(redis.call('LRANGE', key, 0, -1)) do add(key, kind, element) end
  else
    local holders = {}
    for _, entry in ipairs(redis.pcall('XPENDING', key, 'workers', '-', '+', 1000)) do
      holders[entry[1]] = entry[2] .. ' ' .. entry[4]
    end
    for _, entry in ipairs(redis.call('XRANGE', key, '-', '+')) do
      add(key, kind, entry[1], table.concat(entry[2], ' '), holders[entry[1]] or '')
    end
  end
end
return facts
`);

/** Lists the contents of a queue, in order; times and entry ids are left out, so that two queues can be compared. */
export async function factsOf(redis: RedisClient, { prefix }: Keys): Promise<string[]> {
  const facts = await script.run<string[]>(redis, [prefix]);
  return facts.map((fact) => fact.replaceAll(prefix, "").replaceAll(/\d{10,}(-\d+)?/g, "#")).sort();
}
