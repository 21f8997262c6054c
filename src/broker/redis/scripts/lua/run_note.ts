/** Lua that takes back what a start has noted, for scripts about entries that are handed back. */
export const runNoteFunction: string = `
-- Takes back the mark of a run, if it is that of just this lease. The mark of an earlier one is a crash, and counts.
-- Returns whether there was one.
local function unmark(running, id, entry, deliveries, owner)
  local lease, own = string.match(redis.call('HGET', running, id) or '', '^(%S+ %S+) %d+ (.*)$')
  if lease ~= entry .. ' ' .. deliveries or own ~= owner then return false end
  redis.call('HDEL', running, id)
  return true
end
`;
