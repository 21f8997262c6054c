/** A Lua function that checks the types of keys, for scripts that must know before their first write. */
export const typeFunction: string = `
-- Returns an error that names a key if it has the wrong type, or nil.
local function wrongType(key, kind)
  local found = redis.call('TYPE', key).ok
  if found == kind or found == 'none' then return end
  return redis.error_reply('WRONGTYPE Cannot use key ' .. key .. ': expected a ' .. kind .. ', got a ' .. found)
end
`;
