import { lua } from "../../keys.ts";

/** How many failures a queue keeps: the newest. */
export const failureLimit = 10_000;

/** How many tasks that failed with the same task come back with it. */
export const companionLimit = 1000;

/** How many failures one call evicts at most. */
const evictionLimit = 50;

/**
 * Lua functions about kept failures, for scripts that have `prefix`.
 *
 * A kept failure is listed in `:ts:failures`. The task's record is in `:ts:failed:<id>`, and the input piped into it in
 * `:ts:failedinput:<id>`. `:ts:failure:<id>` holds the priority and the length of the id of the task that it failed with,
 * each followed by a colon; that id, which is empty for a task that failed by itself; and the record of the result.
 */
export const keptFailureFunctions: string = `
local failures = ${lua.failures}

-- Reads a kept failure: priority, the task that it failed with or '', result. Returns nil if there is none.
local function readFailure(id)
  local value = redis.pcall('GET', ${lua.failure("id")})
  if type(value) ~= 'string' then return end
  local priority, length, rest = string.match(value, '^([^:]*):(%d+):(.*)$')
  if priority then return priority, string.sub(rest, 1, length), string.sub(rest, length + 1) end
end

-- Deletes everything about a kept failure, but leaves it listed.
local function deleteFailure(id)
  redis.call('UNLINK', ${lua.failedRecord("id")}, ${lua.failure("id")}, ${lua.failedInput("id")})
end

-- Drops a kept failure, and returns 1 if there was one, else 0.
local function dropFailure(id)
  local _, root = readFailure(id)
  if root and root ~= '' then redis.pcall('SREM', ${lua.failedWith("root")}, id) end
  local removed = redis.pcall('ZREM', failures, id)
  deleteFailure(id)
  return removed == 1 and 1 or 0
end

-- Lets a key live at least so long.
local function prolong(key, ms)
  if redis.call('PTTL', key) < ms then redis.call('PEXPIRE', key, ms) end
end

-- Deletes the oldest of too many failures.
local function evictFailures()
  local excess = redis.call('ZCARD', failures) - ${failureLimit}
  if excess <= 0 then return end
  local popped = redis.call('ZPOPMIN', failures, math.min(excess, ${evictionLimit}))
  for n = 1, #popped, 2 do deleteFailure(popped[n]) end
end

-- Notes that a kept failure comes back with a task that failed before it.
local function noteCompanion(root, id, keep)
  local companions = ${lua.failedWith("root")}
  if redis.pcall('SCARD', companions) == ${companionLimit} then return end
  if redis.pcall('SADD', companions, id) == 1 then prolong(companions, keep) end
end

-- Keeps the failure of a task for so many ms, with its record and its input. It must still have its record: a task without
-- one could not be tried again. root is the task that it failed with, or ''.
local function keepFailure(priority, id, keep, result, root)
  local record = ${lua.failedRecord("id")}
  if redis.pcall('RENAME', ${lua.data("id")}, record).err then return end
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  -- A key of another type lists nothing.
  if type(redis.pcall('ZADD', failures, string.format('%.0f', now), id)) == 'table' then
    redis.call('UNLINK', record)
    return
  end
  prolong(failures, keep)
  redis.call('PEXPIRE', record, keep)
  redis.call('SET', ${lua.failure("id")}, priority .. ':' .. #root .. ':' .. root .. result, 'PX', keep)
  local source = redis.pcall('HGET', ${lua.inputs}, id)
  if type(source) == 'string' and not redis.pcall('RENAME', ${lua.output("source")}, ${lua.failedInput("id")}).err then
    redis.call('PEXPIRE', ${lua.failedInput("id")}, keep)
  end
  if root ~= '' then noteCompanion(root, id, keep) end
  evictFailures()
end
`;
