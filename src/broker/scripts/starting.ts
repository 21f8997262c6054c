/** A start that is none: somebody else holds the delivery, or the task had ended. Otherwise it is the number of tries. */
export const notStarted: { readonly lost: 0; readonly ended: -1 } = { lost: 0, ended: -1 };

/**
 * Lua that notes that deliveries run and loads their records, for scripts that have `prefix`, `group`, `consumer` and
 * `running`. Done twice for the same lease, it answers the same.
 */
export const starting: string = `
-- rows: stream, entry, deliveries and id of each. Returns for each its number of tries, or ${notStarted.ended} when the
-- task had ended; and the records of those with tries, in order.
local function begin(rows)
  local ids, marks, notes, wanted, tries, records = {}, {}, {}, {}, {}, {}
  if #rows == 0 then return tries, records end
  for n, row in ipairs(rows) do
    ids[n] = row.id
    marks[n] = row.entry .. ' ' .. row.deliveries .. ' ' .. consumer
  end
  -- A write that is allowed when memory is full lets the others pass.
  redis.call('HDEL', running, '')
  local marked = redis.call('HMGET', running, unpack(ids))
  for n, id in ipairs(ids) do
    local retry = prefix .. ':task:retry:' .. id
    -- Another mark is a run that never came to an end: that try is spent.
    if marked[n] and marked[n] ~= marks[n] then redis.pcall('INCR', retry) end
    notes[2 * n - 1], notes[2 * n] = id, marks[n]
    wanted[n], wanted[#ids + n] = prefix .. ':task:data:' .. id, retry
  end
  redis.call('HSET', running, unpack(notes))

  local found = redis.call('MGET', unpack(wanted))
  for n, id in ipairs(ids) do
    local record, row = found[n], rows[n]
    if not record and redis.call('EXISTS', prefix .. ':task:results:' .. id, prefix .. ':ts:ended:' .. id) > 0 then
      redis.call('XACK', row.stream, group, row.entry)
      redis.call('XDEL', row.stream, row.entry)
      redis.call('HDEL', running, id)
      tries[n] = ${notStarted.ended}
    else
      records[#records + 1] = record
      tries[n] = (tonumber(found[#ids + n]) or 0) + 1
    end
  end
  return tries, records
end
`;
