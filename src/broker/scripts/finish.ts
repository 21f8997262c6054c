import { type RedisClient, Script } from "../../redis/mod.ts";
import type { Ending } from "../consumer.ts";
import { group, type Keys } from "../keys.ts";
import { ending } from "./ending.ts";
import { leaseRows, leases } from "./leases.ts";

const script = new Script(`
-- Ends tasks: stores and publishes results, and removes all else that is known of them. Sent twice, it answers the same.
-- KEYS[1]  the queue's prefix
-- ARGV     group, consumer; then rows of leases, each with: 1 for a success or 0, ttl in ms or '' for ever, result
-- returns  for each row 1, or 0 when somebody else ended the task or holds it
${leases}
${ending}
local ends, gone, spent, bounds, held = {}, {}, {}, nil, nil

local function holds(stream, entry, count)
  if not held then held = pending(stream, bounds[1], bounds[2]) end
  return held[entry] == tonumber(count)
end

-- Whether there are entries whose task was aborted before it was started: its end is not theirs to tell.
local aborts = redis.call('EXISTS', prefix .. ':ts:dropped') == 1
local acked = {}
deliveries(3, 6, function(stream, low, high)
  bounds, held = { low, high }, nil
  acked[stream] = {}
end, function(stream, i)
  local entry, id, success, result = ARGV[i], ARGV[i + 2], ARGV[i + 3], ARGV[i + 5]
  local mark = success .. ' ' .. entry .. ' ' .. ARGV[i + 1] .. ' ' .. consumer
  local isOpen = not aborts or redis.call('EXISTS', prefix .. ':task:data:' .. id) == 1 or
    redis.call('HEXISTS', prefix .. ':ts:dropped', id) == 0
  -- A success counts from whoever comes first, all else only from the holder of the lease. XACK says who comes first.
  local may = isOpen and (success == '1' or holds(stream, entry, ARGV[i + 1]))
  if may and redis.call('XACK', stream, group, entry) == 1 then
    acked[stream][#acked[stream] + 1] = entry
    gone[#gone + 1] = id
    spent[#spent + 1], spent[#spent + 2] = prefix .. ':task:data:' .. id, prefix .. ':task:retry:' .. id
    store(id, ARGV[i + 4], result, mark)
    ends[#ends + 1] = 1
  else
    -- Sent twice it finds its own result, or its own mark where none is kept.
    ends[#ends + 1] = stored(id, result, mark) and 1 or 0
  end
end)

if #gone > 0 then
  for stream, entries in pairs(acked) do
    if #entries > 0 then redis.call('XDEL', stream, unpack(entries)) end
  end
  redis.call('DEL', unpack(spent))
  redis.pcall('HDEL', running, unpack(gone))
  list()
end
return ends
`);

/** Ends tasks; `false` where somebody else ended one, or holds it. */
export async function finish(
  redis: RedisClient,
  keys: Keys,
  consumer: string,
  endings: readonly Ending[],
): Promise<boolean[]> {
  const { args, places } = leaseRows(endings, ({ delivery }) => delivery, (args, { success, ttl, result }) => {
    args.push(success ? 1 : 0, ttl ?? "", result);
  });
  const ends = await script.run<number[]>(redis, [keys.prefix], [group, consumer, ...args]);
  const answers = new Array<boolean>(endings.length);
  places.forEach((place, row) => answers[place] = ends[row] === 1);
  return answers;
}
