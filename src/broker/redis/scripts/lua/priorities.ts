import { lua } from "../../keys.ts";

/** How long priorities are remembered after they were noted last, in milliseconds. */
const prioritiesTtl = 7 * 24 * 3600 * 1000;

/** A Lua function that notes the priorities of a queue, for scripts that have `prefix`. */
export const priorityFunction: string = `
-- Notes priorities. Returns how many are new, or -1 if none could be noted.
local function notePriorities(...)
  local added = redis.pcall('SADD', ${lua.priorities}, ...)
  -- Memory may be full, or the key may have another type.
  if type(added) == 'table' then return -1 end
  redis.call('PEXPIRE', ${lua.priorities}, ${prioritiesTtl})
  return added
end
`;
