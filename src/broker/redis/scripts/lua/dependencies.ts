import { lua } from "../../keys.ts";

/**
 * Lua functions about tasks that wait for others, for scripts that have `prefix`.
 *
 * A waiting task has its priority in `:ts:waiting` and a set of the tasks that it still waits for, and is in the set of
 * dependents of each of these. While its own dependencies are still being stored, its value in `:ts:waiting` begins with
 * a colon. `:ts:depended` lists the tasks that have dependents: while it is empty, no script looks for any. The
 * dependents of a finished task are released or failed by the script that finishes it, or their set is listed in
 * `:ts:fanouts` with the outcome: `1`, or `0` and the id of the task that failed first.
 */
export const dependencyFunctions: string = `
local waiting, inputs, fanOuts, depended = ${lua.waiting}, ${lua.inputs}, ${lua.fanOuts}, ${lua.depended}
local dependents, dependencies = ${lua.dependents("")}, ${lua.dependencies("")}

-- Adds a task to the dependents of another one. Returns the number of new ones, or an error.
local function addDependent(dependency, id)
  redis.pcall('SADD', depended, dependency)
  return redis.pcall('SADD', dependents .. dependency, id)
end

-- Removes a dependency that has succeeded from a task, and queues the task if that was the last one.
-- Returns 1 if the task was queued, else 0.
local function removeDependency(id, dependency, now)
  if redis.pcall('SREM', dependencies .. id, dependency) ~= 1 or redis.call('EXISTS', dependencies .. id) == 1 then
    return 0
  end
  local priority = redis.pcall('HGET', waiting, id)
  if type(priority) ~= 'string' or string.find(priority, ':', 1, true) then return 0 end
  local queued = redis.pcall('XADD', ${lua.stream("priority")}, '*', 'task_id', id, 'enqueue_time', now)
  -- If the key is not a stream, the task is due at once: it is moved to the stream when there is one again. If that is
  -- refused too, the task waits for a dependency that no longer exists, and \`mend\` fails it.
  if type(queued) == 'table' and type(redis.pcall('ZADD', ${lua.delayed("priority")}, now, id)) == 'table' then
    return 0
  end
  redis.call('HDEL', waiting, id)
  return 1
end

-- Lists a finished task with its outcome. A key of another type in the place of the list is deleted, because without a
-- list the dependents would wait in vain.
local function listOutcome(id, outcome)
  local stored = redis.pcall('HSET', fanOuts, id, outcome)
  if type(stored) ~= 'table' then return end
  redis.call('DEL', fanOuts)
  redis.call('HSET', fanOuts, id, outcome)
end

-- Lists a finished task if it has dependents. Returns 1 if it has, else 0.
local function listFanOut(id, outcome)
  redis.pcall('SREM', depended, id)
  if redis.call('EXISTS', dependents .. id) == 0 then return 0 end
  local set = ${lua.fanOut("id")}
  local earlier = redis.pcall('HGET', fanOuts, id)
  if type(earlier) == 'string' then
    -- The fan-out of an earlier task with this id is not finished. To fail all of its dependents is the safe choice:
    -- the worse mistake would be to run a task that was to fail.
    if type(redis.pcall('SCARD', set)) == 'table' then
      redis.call('RENAME', dependents .. id, set)
    else
      redis.pcall('SUNIONSTORE', set, set, dependents .. id)
      redis.call('UNLINK', dependents .. id)
    end
    if earlier ~= '1' then outcome = earlier end
  else
    redis.call('RENAME', dependents .. id, set)
  end
  listOutcome(id, outcome)
  return 1
end

-- Removes the dependencies of a waiting task. Returns 1 if the task was waiting, else 0, and how many it removed.
local function stopWaiting(id)
  if redis.pcall('HDEL', waiting, id) ~= 1 then return 0, 0 end
  local removed = redis.pcall('SPOP', dependencies .. id, 1000)
  for _, dependency in ipairs(removed) do redis.pcall('SREM', dependents .. dependency, id) end
  -- Dependencies beyond this limit keep the task in their sets of dependents; their fan-out detects that it no longer
  -- waits.
  redis.call('UNLINK', dependencies .. id)
  return 1, #removed
end

-- Deletes the input that was piped into a task.
local function deleteInput(id)
  local source = redis.pcall('HGET', inputs, id)
  if type(source) ~= 'string' then return end
  redis.call('HDEL', inputs, id)
  redis.call('DEL', ${lua.output("source")})
end
`;
