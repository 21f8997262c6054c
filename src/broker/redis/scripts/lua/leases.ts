import { lua } from "../../keys.ts";
/**
 * Lua that the scripts about deliveries begin with. Their ARGV are the group, the consumer and what else each takes;
 * then for each stream: priority, lowest and highest entry id, number of rows, and the rows. A row begins with the entry
 * id, the number of deliveries and the task id.
 */
export const leaseFunctions = `
local prefix, group, consumer = KEYS[1], ARGV[1], ARGV[2]
local running = ${lua.running}

-- Calls visit(stream, i, priority) for each row, ARGV[i] being its first value; before(stream, low, high) for each stream.
local function deliveries(first, width, before, visit)
  local i = first
  while ARGV[i] do
    local stream, past = ${lua.stream("ARGV[i]")}, i + 4 + ARGV[i + 3] * width
    before(stream, ARGV[i + 1], ARGV[i + 2])
    for row = i + 4, past - 1, width do visit(stream, row, ARGV[i]) end
    i = past
  end
end

-- What the consumer has pending between two ids: entry id to number of deliveries.
-- XPENDING wants a limit; a consumer never holds as many as this one.
local function pending(stream, low, high)
  local held = {}
  for _, entry in ipairs(redis.call('XPENDING', stream, group, low, high, 100000, consumer)) do
    held[entry[1]] = entry[4]
  end
  return held
end
`;
