import { lua } from "../../keys.ts";

/** How many failures a queue keeps: the newest. */
export const failureLimit = 10_000;

/** How many tasks that failed with the same task come back with it. */
export const companionLimit = 1000;

/** How many failures one call evicts at most, unless it keeps more. */
const evictionLimit = 50;

/**
 * Lua functions about kept failures, for scripts that have `prefix`.
 *
 * A kept failure is listed in `:ts:failures`. The task's record is in `:ts:failed:<id>`, and the input piped into it in
 * `:ts:failedinput:<id>`. `:ts:failure:<id>` holds the priority, and the lengths of three ids, each followed by a colon; the
 * id of the task that failed first, and that of the dependency because of which this task cannot run, both empty for a task
 * that failed by itself; the id of the task whose output the input is, empty if there is none; and the record of the result.
 */
export const keptFailureFunctions: string = `
local failures = ${lua.failures}

-- Reads a kept failure: a table with its priority, root, blocker, source and result. Returns nil if there is none.
local function readFailure(id)
  local value = redis.pcall('GET', ${lua.failure("id")})
  if type(value) ~= 'string' then return end
  local priority, n, m, k, ids = string.match(value, '^([^:]*):(%d+):(%d+):(%d+):()')
  if not priority then return end
  local blocker, source = ids + n, ids + n + m
  local result = source + k
  return {
    priority = priority, root = string.sub(value, ids, blocker - 1), blocker = string.sub(value, blocker, source - 1),
    source = string.sub(value, source, result - 1), result = string.sub(value, result)
  }
end

-- Encodes a kept failure.
local function failureOf(priority, root, blocker, source, result)
  return table.concat({ priority, #root, #blocker, #source, root .. blocker .. source .. result }, ':')
end

-- Drops a kept failure, and returns 1 if there was one, else 0.
local function dropFailure(id)
  local failure = readFailure(id)
  local root, blocker = failure and failure.root or '', failure and failure.blocker or ''
  if root ~= '' then redis.pcall('SREM', ${lua.failedWith("root")}, id) end
  if blocker ~= root then redis.pcall('SREM', ${lua.failedWith("blocker")}, id) end
  local removed = redis.pcall('ZREM', failures, id)
  redis.call('UNLINK', ${lua.failedRecord("id")}, ${lua.failure("id")}, ${lua.failedInput("id")})
  return removed == 1 and 1 or 0
end

-- Drops the kept failures of earlier tasks with the same ids. A generated id is never used again.
local function dropEarlierFailures(ids)
  local isEmpty = nil
  for _, id in ipairs(ids) do
    if #id ~= 32 or string.find(id, '%X') then
      if isEmpty == nil then isEmpty = redis.call('EXISTS', failures) == 0 end
      if not isEmpty then dropFailure(id) end
    end
  end
end

-- Lets a key live at least so long.
local function prolong(key, ms)
  if redis.call('PTTL', key) < ms then redis.call('PEXPIRE', key, ms) end
end

-- Deletes the oldest of too many failures.
local function evictFailures(limit)
  local excess = redis.call('ZCARD', failures) - ${failureLimit}
  if excess <= 0 then return end
  local popped, keys = redis.call('ZPOPMIN', failures, math.min(excess, limit)), {}
  for n = 1, #popped, 2 do
    local id, last = popped[n], #keys
    keys[last + 1], keys[last + 2] = ${lua.failedRecord("id")}, ${lua.failure("id")}
    keys[last + 3], keys[last + 4] = ${lua.failedInput("id")}, ${lua.failedWith("id")}
  end
  redis.call('UNLINK', unpack(keys))
end

-- Notes that a kept failure comes back with a task that failed before it.
local function noteCompanion(root, id, keep)
  local companions = ${lua.failedWith("root")}
  if redis.pcall('SCARD', companions) == ${companionLimit} then return end
  if redis.pcall('SADD', companions, id) == 1 then prolong(companions, keep) end
end

-- Keeps failures of tasks of one priority for so many ms, each with its record and its input. They must still have their
-- records: a task without one could not be tried again. root is the task that they failed with, and blocker the dependency
-- because of which they cannot run, or both are ''.
local function keepFailures(priority, ids, results, keep, root, blocker)
  -- A key of another type lists nothing.
  local kind = redis.call('TYPE', failures).ok
  if #ids == 0 or (kind ~= 'zset' and kind ~= 'none') then return end
  local inputs, time, members = ${lua.inputs}, redis.call('TIME'), {}
  local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
  local sources = redis.call('EXISTS', inputs) == 1 and redis.pcall('HMGET', inputs, unpack(ids)) or {}
  for n, id in ipairs(ids) do
    local record, source = ${lua.failedRecord("id")}, sources[n] or ''
    if not redis.pcall('RENAME', ${lua.data("id")}, record).err then
      redis.call('PEXPIRE', record, keep)
      redis.call('SET', ${lua.failure("id")}, failureOf(priority, root, blocker, source, results[n]), 'PX', keep)
      members[#members + 1], members[#members + 2] = now, id
      if source ~= '' and not redis.pcall('RENAME', ${lua.output("source")}, ${lua.failedInput("id")}).err then
        redis.call('PEXPIRE', ${lua.failedInput("id")}, keep)
      end
      if root ~= '' then noteCompanion(root, id, keep) end
    end
  end
  if #members == 0 then return end
  redis.call('ZADD', failures, unpack(members))
  prolong(failures, keep)
  evictFailures(math.max(#ids, ${evictionLimit}))
end
`;
