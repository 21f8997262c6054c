import { lua } from "../../keys.ts";
/**
 * Lua about tasks that wait for others, for scripts that have `prefix`. Each has a note of its priority in `:ts:waiting`
 * and the set of those that it still waits for; they have it in the sets of their dependents. While the edges of a task
 * are still being stored its note begins with a colon. When a task has ended, those that wait for it are told at once, or
 * the set is listed in `:ts:fanouts` to be worked off: with `1`, or `0` and the id of the task that has failed.
 */
export const dependencyFunctions: string = `
local waiting, inputs, fanOuts = ${lua.waiting}, ${lua.inputs}, ${lua.fanOuts}
local dependents, dependencies = ${lua.dependents("")}, ${lua.dependencies("")}

-- Notes that a task has succeeded for which another waits, and queues that one after the last. Returns whether it did.
local function satisfy(id, dependency, now)
  if redis.pcall('SREM', dependencies .. id, dependency) ~= 1 or redis.call('EXISTS', dependencies .. id) == 1 then
    return 0
  end
  local priority = redis.pcall('HGET', waiting, id)
  if type(priority) ~= 'string' or string.find(priority, ':', 1, true) then return 0 end
  redis.call('HDEL', waiting, id)
  local queued = redis.pcall('XADD', ${lua.stream("priority")}, '*', 'task_id', id, 'enqueue_time', now)
  -- Where that is no stream, it is moved there when it is one again.
  if type(queued) == 'table' then redis.pcall('ZADD', ${lua.delayed("priority")}, now, id) end
  return 1
end

-- Lists a task that has ended, if others wait for it. Returns whether they do.
local function fanOut(id, outcome)
  if redis.call('EXISTS', dependents .. id) == 0 then return 0 end
  local set = ${lua.fanOut("id")}
  local before = redis.pcall('HGET', fanOuts, id)
  if type(before) == 'string' then
    -- An earlier task of this id is not worked off; running what was to fail would be the worse mistake.
    redis.pcall('SUNIONSTORE', set, set, dependents .. id)
    redis.call('UNLINK', dependents .. id)
    if before ~= '1' then outcome = before end
  else
    redis.call('RENAME', dependents .. id, set)
  end
  redis.pcall('HSET', fanOuts, id, outcome)
  return 1
end

-- Lets a task wait for no other any more. Returns whether it did.
local function stopWaiting(id)
  if redis.pcall('HDEL', waiting, id) ~= 1 then return 0 end
  -- More than these are found not to be waited for when they end.
  local named = redis.pcall('SPOP', dependencies .. id, 1000)
  for _, dependency in ipairs(named) do redis.pcall('SREM', dependents .. dependency, id) end
  redis.call('UNLINK', dependencies .. id)
  return 1
end

-- Forgets what was piped into a task.
local function forgetInput(id)
  local source = redis.pcall('HGET', inputs, id)
  if type(source) ~= 'string' then return end
  redis.call('HDEL', inputs, id)
  redis.call('DEL', ${lua.output("source")})
end
`;
