import { lua } from "../../keys.ts";
import { serverTime } from "./server_time.ts";
import { triesFunctions } from "./tries.ts";
import { typeFunction } from "./types.ts";

/** Replies in place of a number of tries: another worker holds the lease, or the task had already finished. */
export const notStarted: { readonly lost: 0; readonly ended: -1 } = { lost: 0, ended: -1 };

/**
 * Lua functions that start runs, for scripts that have `prefix`, `group`, `consumer`, `running` and `maxPayload`. They
 * note each run in `:ts:running` as `<entry> <deliveries> <crashes> <priority>:<consumer>`, where the entry and the number
 * of deliveries are the lease. Repeated for the same lease, they return the same.
 */
export const startFunction: string = `
-- The reply about the started runs, in this order:
-- 1. for each run the number of the try, or ${notStarted.ended} when the task had already finished; empty if all are 1;
-- 2. the records of the started tasks, in order; in place of one with more than maxPayload bytes, their number;
-- 3. the time in ms;
-- 4. row and crashes, in turn, for tasks that were started before: how many consecutive runs before this one ended with
--    the death of their worker, 0 if the last one was released;
-- 5. row and input, in turn, for tasks with piped input.
local starts = { {}, {}, 0, {}, {} }
local startCount, isPlain = 0, true
-- Whether entries exist whose task was aborted before it started, tasks with a number of tries, and piped input.
local mayBeDropped, mayBeTried, mayHaveInput = false, false, false

-- Must come before the first startRuns. If no run can be noted, it returns an error that names the key.
local function prepareStarts()
  ${serverTime}
  starts[3] = now
  -- When memory is full, a script may write if its first write is a command that is still allowed.
  local cleared = redis.pcall('HDEL', running, '')
  if type(cleared) == 'table' then
    ${typeFunction}
    return wrongType(running, 'hash') or cleared
  end
  local dropped, inputs, tried = ${lua.dropped}, ${lua.inputs}, ${lua.tried}
  if redis.call('EXISTS', dropped, tried, inputs) > 0 then
    mayBeDropped, mayBeTried = redis.call('EXISTS', dropped) == 1, redis.call('EXISTS', tried) == 1
    mayHaveInput = redis.call('EXISTS', inputs) == 1
  end
end

-- Spends a try.
local function spend(id)
  ${triesFunctions}
  spendTry(id)
end

-- Sets the number of a run's try.
local function setTry(n, try)
  if isPlain and try == 1 then return end
  local tries = starts[1]
  if isPlain then for m = 1, startCount do tries[m] = 1 end end
  isPlain = false
  tries[n] = try
end

-- Removes the entry of a task that is not to run.
local function drop(stream, entry, id, hasFinished, isDropped)
  redis.call('XACK', stream, group, entry)
  redis.call('XDEL', stream, entry)
  if hasFinished then redis.call('HDEL', running, id) end
  if isDropped and redis.call('HINCRBY', ${lua.dropped}, id, -1) < 1 then redis.call('HDEL', ${lua.dropped}, id) end
end

-- Starts a run for each entry of a stream. Without deliveries, each was delivered once.
local function startRuns(priority, stream, entries, deliveries, ids)
  local owner, keys, size = priority .. ':' .. consumer, {}, #entries
  for n, id in ipairs(ids) do keys[n] = ${lua.data("id")} end
  local notes = redis.call('HMGET', running, unpack(ids))
  -- If this key is not a hash, no entry can have been marked as dropped.
  local dropCounts = mayBeDropped and redis.pcall('HMGET', ${lua.dropped}, unpack(ids)) or {}

  local crashes, newNotes, isDropped, dropsLeft = {}, {}, {}, {}
  local firstNote = ' 1 0 ' .. owner
  for n, id in ipairs(ids) do
    if dropCounts[n] then
      dropsLeft[id] = dropsLeft[id] or tonumber(dropCounts[n]) or 0
      isDropped[n] = dropsLeft[id] > 0
      dropsLeft[id] = dropsLeft[id] - 1
    end
    if not notes[n] and not deliveries and not isDropped[n] then
      newNotes[#newNotes + 1], newNotes[#newNotes + 2] = id, entries[n] .. firstNote
    elseif not isDropped[n] then
      local lease, count = entries[n] .. ' ' .. (deliveries and deliveries[n] or 1), '0'
      if notes[n] then
        local notedLease, notedCount, notedOwner = string.match(notes[n], '^(%S+ %S+) (%d+) (.*)$')
        crashes[n] = tonumber(notedCount) or 0
        -- The note of another lease is a run that never finished; its try is spent.
        if notedLease ~= lease or notedOwner ~= owner then
          crashes[n] = crashes[n] + 1
          spend(id)
          mayBeTried = true
        end
        count = crashes[n]
      end
      newNotes[#newNotes + 1], newNotes[#newNotes + 2] = id, lease .. ' ' .. count .. ' ' .. owner
    end
  end
  if #newNotes > 0 then redis.call('HSET', running, unpack(newNotes)) end

  if mayBeTried then
    for n, id in ipairs(ids) do keys[size + n] = ${lua.tries("id")} end
  end
  local values, records, history = redis.call('MGET', unpack(keys)), starts[2], starts[4]
  local before = startCount
  startCount = before + size
  for n, id in ipairs(ids) do
    local record, retries = values[n], values[size + n]
    local hasFinished = not record and redis.call('EXISTS', ${lua.result("id")}, ${lua.ended("id")}) > 0
    if isDropped[n] or hasFinished then
      drop(stream, entries[n], id, hasFinished, isDropped[n])
      setTry(before + n, ${notStarted.ended})
    else
      records[#records + 1] = record and #record > maxPayload and #record or record
      setTry(before + n, (tonumber(retries) or 0) + 1)
      if retries == '0' or (crashes[n] or 0) > 0 then
        history[#history + 1], history[#history + 2] = before + n - 1, crashes[n] or 0
      end
    end
  end

  if mayHaveInput then
    local sources, found = redis.pcall('HMGET', ${lua.inputs}, unpack(ids)), starts[5]
    for n = 1, size do
      local input = sources[n] and redis.pcall('GET', ${lua.output("sources[n]")})
      if type(input) == 'string' then found[#found + 1], found[#found + 2] = before + n - 1, input end
    end
  end
end
`;
