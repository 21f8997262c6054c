/** A Lua function that undoes a start, for scripts that release entries. */
export const endRunFunction: string = `
-- Deletes the note of a run, if it is that of exactly this lease; the note of an earlier lease is a crash, which
-- counts. Returns whether the note was deleted.
local function endRun(running, id, entry, deliveries, owner)
  local note = redis.pcall('HGET', running, id)
  if type(note) ~= 'string' then return false end
  local lease, notedOwner = string.match(note, '^(%S+ %S+) %d+ (.*)$')
  if lease ~= entry .. ' ' .. deliveries or notedOwner ~= owner then return false end
  redis.call('HDEL', running, id)
  return true
end
`;
