import { lua } from "../../keys.ts";

/** The common arguments of scripts that take leases, in Lua: the group, the consumer; then those of the script itself. */
export const leaseArguments: string = `
local prefix, group, consumer = KEYS[1], ARGV[1], ARGV[2]
local running = ${lua.running}
`;

/** A Lua function that reads the leases of the consumer, for scripts that have {@linkcode leaseArguments}. */
export const pendingFunction: string = `
-- The entries that are pending for the consumer between two ids: numbers of deliveries by entry id. A key that is not a
-- stream has none. A missing group is an error: the caller creates it, and sends the script again.
-- XPENDING needs a limit, and no consumer ever has that many entries.
local function pendingEntries(stream, low, high)
  local entries = redis.pcall('XPENDING', stream, group, low, high, 100000, consumer)
  if entries.err and not string.find(entries.err, 'WRONGTYPE', 1, true) then
    entries = redis.call('XPENDING', stream, group, low, high, 100000, consumer)
  end
  local pending = {}
  for _, entry in ipairs(entries) do pending[entry[1]] = entry[4] end
  return pending
end
`;

/**
 * The beginning of scripts that take leases, in Lua: {@linkcode leaseArguments}, and functions that read the leases.
 *
 * Behind the arguments of the script itself follow for each stream its priority, the lowest and the highest entry id, the
 * number of rows, and the rows. A row begins with a lease: entry id, number of deliveries, task id.
 */
export const leaseFunctions: string = `
${leaseArguments}
-- Calls before(stream, low, high, priority) for each stream, and visit(stream, i, priority) for each row, which begins at
-- ARGV[i].
local function forEachLease(first, width, before, visit)
  local i = first
  while ARGV[i] do
    local stream, past = ${lua.stream("ARGV[i]")}, i + 4 + ARGV[i + 3] * width
    before(stream, ARGV[i + 1], ARGV[i + 2], ARGV[i])
    for row = i + 4, past - 1, width do visit(stream, row, ARGV[i]) end
    i = past
  end
end
${pendingFunction}
`;
