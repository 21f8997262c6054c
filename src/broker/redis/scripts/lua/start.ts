import { lua } from "../../keys.ts";
import { serverTime } from "./server_time.ts";

/** A start that is none: somebody else holds the delivery, or the task had ended. Otherwise it is the number of tries. */
export const notStarted: { readonly lost: 0; readonly ended: -1 } = { lost: 0, ended: -1 };

/**
 * Lua that notes that deliveries run and loads their records, for scripts that have `prefix`, `group`, `consumer` and
 * `running`. Done twice for the same lease, it answers the same. Who runs what is noted as
 * `<entry> <deliveries> <crashes> <priority>:<consumer>`.
 */
export const startFunction: string = `
-- rows: priority, stream, entry, deliveries and id of each. Returns for each its number of tries, or ${notStarted.ended}
-- when the task had ended; the records of those with tries, in order; the time in ms; by pairs of row and number, how
-- often in a row a run was cut off by the end of its worker, 0 for a run that was only handed back; and, by pairs of row
-- and input, what was piped into tasks.
local function begin(rows)
  local tries, records, past, given = {}, {}, {}, {}
  if #rows == 0 then return tries, records, 0, past, given end
  ${serverTime}
  local ids, owners, wanted = {}, {}, {}
  for n, row in ipairs(rows) do
    ids[n] = row.id
    owners[n] = row.priority .. ':' .. consumer
    wanted[n], wanted[#rows + n] = ${lua.data("row.id")}, ${lua.tries("row.id")}
  end
  local dropped = ${lua.dropped}
  -- A write that is allowed when memory is full lets the others pass.
  redis.call('HDEL', running, '')
  local marks = redis.call('HMGET', running, unpack(ids))
  -- Where that is no hash, nothing can be noted as dropped.
  local drops = redis.pcall('HMGET', dropped, unpack(ids))

  local crashes, notes, dropping, left = {}, {}, {}, {}
  for n, row in ipairs(rows) do
    left[row.id] = left[row.id] or tonumber(drops[n] or 0) or 0
    dropping[n] = left[row.id] > 0
    left[row.id] = left[row.id] - 1
    local lease = row.entry .. ' ' .. row.deliveries
    local before, count, owner = string.match(marks[n] or '', '^(%S+ %S+) (%d+) (.*)$')
    crashes[n] = tonumber(count)
    if not dropping[n] then
      -- Another mark is a run that never came to an end: that try is spent.
      if marks[n] and (before ~= lease or owner ~= owners[n]) then
        crashes[n] = (crashes[n] or 0) + 1
        redis.pcall('INCR', wanted[#rows + n])
      end
      notes[#notes + 1], notes[#notes + 2] = row.id, lease .. ' ' .. (crashes[n] or 0) .. ' ' .. owners[n]
    end
  end
  if #notes > 0 then redis.call('HSET', running, unpack(notes)) end

  local found = redis.call('MGET', unpack(wanted))
  for n, row in ipairs(rows) do
    local id, record, retries = row.id, found[n], found[#rows + n]
    local results = ${lua.result("id")}
    local ended = not record and redis.call('EXISTS', results, ${lua.ended("id")}) > 0
    if dropping[n] or ended then
      redis.call('XACK', row.stream, group, row.entry)
      redis.call('XDEL', row.stream, row.entry)
      if ended then redis.call('HDEL', running, id) end
      if dropping[n] and redis.call('HINCRBY', dropped, id, -1) < 1 then redis.call('HDEL', dropped, id) end
      tries[n] = ${notStarted.ended}
    else
      records[#records + 1] = record
      tries[n] = (tonumber(retries) or 0) + 1
      if retries == '0' or (crashes[n] or 0) > 0 then past[#past + 1], past[#past + 2] = n - 1, crashes[n] or 0 end
    end
  end

  local inputs = ${lua.inputs}
  if redis.call('EXISTS', inputs) == 1 then
    local sources = redis.pcall('HMGET', inputs, unpack(ids))
    for n = 1, #rows do
      local input = sources[n] and redis.pcall('GET', ${lua.output("sources[n]")})
      if type(input) == 'string' then given[#given + 1], given[#given + 2] = n - 1, input end
    end
  end
  return tries, records, now, past, given
end
`;
