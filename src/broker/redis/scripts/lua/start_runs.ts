import { lua } from "../../keys.ts";
import { serverTime } from "./server_time.ts";
import { typeFunction } from "./types.ts";

/** Replies in place of a number of tries: another worker holds the lease, or the task had already finished. */
export const notStarted: { readonly lost: 0; readonly ended: -1 } = { lost: 0, ended: -1 };

/**
 * A Lua function that starts runs, for scripts that have `prefix`, `group`, `consumer`, `running` and `maxPayload`. It notes each run
 * in `:ts:running` as `<entry> <deliveries> <crashes> <priority>:<consumer>`, where the entry and the number of
 * deliveries are the lease. Repeated for the same lease, it returns the same.
 */
export const startFunction: string = `
${typeFunction}
-- Starts a run for each row, which has a priority, a stream, an entry, its deliveries and a task id. Returns
-- 1. for each row the number of the try, or ${notStarted.ended} when the task had already finished;
-- 2. the records of the started tasks, in order; in place of one with more than maxPayload bytes, their number;
-- 3. the time in ms;
-- 4. row and crashes, in turn, for tasks that were started before: how many consecutive runs before this one ended with
--    the death of their worker, 0 if the last one was released;
-- 5. row and input, in turn, for tasks with piped input.
-- If no run can be noted, it returns an error that names the key, and has changed nothing.
local function startRuns(rows)
  local tries, records, history, taskInputs = {}, {}, {}, {}
  if #rows == 0 then return tries, records, 0, history, taskInputs end
  ${serverTime}
  local ids, owners, keys = {}, {}, {}
  for n, row in ipairs(rows) do
    ids[n] = row.id
    owners[n] = row.priority .. ':' .. consumer
    keys[n], keys[#rows + n] = ${lua.data("row.id")}, ${lua.tries("row.id")}
  end
  local dropped = ${lua.dropped}
  -- When memory is full, a script may write if its first write is a command that is still allowed.
  local cleared = redis.pcall('HDEL', running, '')
  if type(cleared) == 'table' then return wrongType(running, 'hash') or cleared end
  local notes = redis.call('HMGET', running, unpack(ids))
  -- If this key is not a hash, no entry can have been marked as dropped.
  local dropCounts = redis.pcall('HMGET', dropped, unpack(ids))

  local crashes, newNotes, isDropped, dropsLeft = {}, {}, {}, {}
  for n, row in ipairs(rows) do
    dropsLeft[row.id] = dropsLeft[row.id] or tonumber(dropCounts[n] or 0) or 0
    isDropped[n] = dropsLeft[row.id] > 0
    dropsLeft[row.id] = dropsLeft[row.id] - 1
    local lease = row.entry .. ' ' .. row.deliveries
    local notedLease, count, owner = string.match(notes[n] or '', '^(%S+ %S+) (%d+) (.*)$')
    crashes[n] = tonumber(count)
    if not isDropped[n] then
      -- The note of another lease is a run that never finished; its try is spent.
      if notes[n] and (notedLease ~= lease or owner ~= owners[n]) then
        crashes[n] = (crashes[n] or 0) + 1
        redis.pcall('INCR', keys[#rows + n])
      end
      newNotes[#newNotes + 1], newNotes[#newNotes + 2] = row.id, lease .. ' ' .. (crashes[n] or 0) .. ' ' .. owners[n]
    end
  end
  if #newNotes > 0 then redis.call('HSET', running, unpack(newNotes)) end

  local values = redis.call('MGET', unpack(keys))
  for n, row in ipairs(rows) do
    local id, record, retries = row.id, values[n], values[#rows + n]
    local result = ${lua.result("id")}
    local hasFinished = not record and redis.call('EXISTS', result, ${lua.ended("id")}) > 0
    if isDropped[n] or hasFinished then
      redis.call('XACK', row.stream, group, row.entry)
      redis.call('XDEL', row.stream, row.entry)
      if hasFinished then redis.call('HDEL', running, id) end
      if isDropped[n] and redis.call('HINCRBY', dropped, id, -1) < 1 then redis.call('HDEL', dropped, id) end
      tries[n] = ${notStarted.ended}
    else
      records[#records + 1] = record and #record > maxPayload and #record or record
      tries[n] = (tonumber(retries) or 0) + 1
      if retries == '0' or (crashes[n] or 0) > 0 then
        history[#history + 1], history[#history + 2] = n - 1, crashes[n] or 0
      end
    end
  end

  local inputs = ${lua.inputs}
  if redis.call('EXISTS', inputs) == 1 then
    local sources = redis.pcall('HMGET', inputs, unpack(ids))
    for n = 1, #rows do
      local input = sources[n] and redis.pcall('GET', ${lua.output("sources[n]")})
      if type(input) == 'string' then taskInputs[#taskInputs + 1], taskInputs[#taskInputs + 2] = n - 1, input end
    end
  end
  return tries, records, now, history, taskInputs
end
`;
