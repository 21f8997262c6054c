/**
 * Lua for tasks that repeat, for scripts that have `prefix` and `now`, a time in ms, and {@linkcode delaying}. Of each job
 * there is the next occurrence, which waits for its time like any delayed task, and a note in `:ts:cron`:
 * `<kind> <priority>:<zone> <id of that occurrence>`. Those before it that have not ended are listed in `:ts:cron:<name>`.
 */
export const repeating: string = `
local jobs, schedule, notes = prefix .. ':cron:jobs', prefix .. ':cron:schedule', prefix .. ':ts:cron'

-- Notes that an occurrence is not the next one any more, though it may not have ended.
local function pass(name)
  local id = string.match(redis.call('HGET', notes, name) or '', '^%a [^:]*:%S+ (.*)$')
  if not id then return end
  local passed = notes .. ':' .. name
  redis.call('LPUSH', passed, id)
  redis.call('LTRIM', passed, 0, 999)
  -- The oldest end first.
  local oldest = redis.call('LINDEX', passed, -1)
  while oldest and redis.call('EXISTS', prefix .. ':task:data:' .. oldest) == 0 do
    redis.call('RPOP', passed)
    oldest = redis.call('LINDEX', passed, -1)
  end
end

-- Lets an occurrence wait for its time, unless it is there or has ended.
local function await(name, kind, place, id, data, due)
  local priority = string.match(place, '^([^:]*):')
  redis.call('ZADD', schedule, due, name)
  redis.call('HSET', notes, name, kind .. ' ' .. place .. ' ' .. id)
  local key = prefix .. ':task:data:' .. id
  local known = redis.call('EXISTS', key, prefix .. ':task:results:' .. id, prefix .. ':ts:ended:' .. id)
  if known == 0 then
    redis.call('SET', key, data)
    local err = delay(priority, id, due)
    if err then
      redis.call('DEL', key)
      return err
    end
  end
end

local function takeBack(priority, id)
  if redis.call('HEXISTS', prefix .. ':ts:running', id) == 1 then return end
  if redis.call('DEL', prefix .. ':task:data:' .. id) == 0 then return end
  redis.call('DEL', prefix .. ':task:retry:' .. id)
  if redis.call('ZREM', prefix .. ':queues:delayed:' .. priority, id) == 0 then
    redis.call('HINCRBY', prefix .. ':ts:dropped', id, 1)
  end
end

-- Takes back the occurrences that wait; what runs already goes on.
local function withdraw(name)
  local priority, id = string.match(redis.call('HGET', notes, name) or '', '^%a ([^:]*):%S+ (.*)$')
  if not id then return end
  takeBack(priority, id)
  local passed = notes .. ':' .. name
  for _, earlier in ipairs(redis.call('LRANGE', passed, 0, -1)) do takeBack(priority, earlier) end
  redis.call('DEL', passed)
end
`;
