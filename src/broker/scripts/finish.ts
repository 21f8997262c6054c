import { type RedisClient, Script } from "../../redis/mod.ts";
import type { Ending } from "../broker.ts";
import { group, type Keys } from "../keys.ts";
import { leaseRows, leases } from "./leases.ts";

/** For how long at least it is known that a task has ended, in milliseconds. */
const remembered = 60_000;

const script = new Script(`
-- Ends tasks: stores and publishes results, and removes all else that is known of them. Sent twice, it answers the same.
-- KEYS[1]  the queue's prefix
-- ARGV     group, consumer; then rows of leases, each with: 1 for a success or 0, ttl in ms or '' for ever, result
-- returns  for each row 1, or 0 when somebody else ended the task or holds it
${leases}
local ends, gone, spent, bounds, held = {}, {}, {}, nil, nil

local function holds(stream, entry, count)
  if not held then held = pending(stream, bounds[1], bounds[2]) end
  return held[entry] == tonumber(count)
end

local function store(id, success, ttl, result, lease)
  local key = prefix .. ':task:results:' .. id
  if ttl == '' then
    redis.call('SET', key, result)
  elseif ttl ~= '0' then
    redis.call('SET', key, result, 'PX', ttl)
  end
  if ttl ~= '' and tonumber(ttl) < ${remembered} then
    redis.call('SET', prefix .. ':ts:ended:' .. id, success .. ' ' .. lease, 'PX', ${remembered})
  end
  redis.call('PUBLISH', prefix .. ':channels:' .. id, result)
end

local last, acked = nil, {}
deliveries(3, 6, function(stream, low, high)
  last, bounds, held = stream, { low, high }, nil
  acked[stream] = {}
end, function(stream, i)
  local entry, id, success, result = ARGV[i], ARGV[i + 2], ARGV[i + 3], ARGV[i + 5]
  local lease = entry .. ' ' .. ARGV[i + 1] .. ' ' .. consumer
  -- A success counts from whoever comes first, all else only from the holder of the lease. XACK says who comes first.
  if (success == '1' or holds(stream, entry, ARGV[i + 1])) and redis.call('XACK', stream, group, entry) == 1 then
    acked[stream][#acked[stream] + 1] = entry
    gone[#gone + 1] = id
    spent[#spent + 1], spent[#spent + 2] = prefix .. ':task:data:' .. id, prefix .. ':task:retry:' .. id
    store(id, success, ARGV[i + 4], result, lease)
    ends[#ends + 1] = 1
  else
    -- Sent twice it finds its own result, or its own mark where none is kept.
    local isOwn = redis.pcall('GET', prefix .. ':task:results:' .. id) == result or
      redis.call('GET', prefix .. ':ts:ended:' .. id) == success .. ' ' .. lease
    ends[#ends + 1] = isOwn and 1 or 0
  end
end)

if #gone > 0 then
  for stream, entries in pairs(acked) do
    if #entries > 0 then redis.call('XDEL', stream, unpack(entries)) end
  end
  redis.call('DEL', unpack(spent))
  redis.pcall('HDEL', running, unpack(gone))
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
