import { type RedisClient, Script } from "../../redis/mod.ts";
import type { Delivery, Payload, Start } from "../broker.ts";
import { group, type Keys } from "../keys.ts";
import { leaseRows, leases } from "./leases.ts";

const [lost, ended] = [0, -1];

const script = new Script(`
-- Notes that deliveries run, and loads their records. Sent twice, it answers the same.
-- KEYS[1]  the queue's prefix
-- ARGV     group, consumer; then rows of leases
-- returns  for each row ${lost} (somebody else holds it), ${ended} (it had ended) or its number of tries;
--          the records of those with tries, in order
${leases}
local held
local owned, ids, marks = {}, {}, {}
local tries, rows = {}, 0
deliveries(3, 3, function(stream, low, high)
  held = pending(stream, low, high)
end, function(stream, i)
  rows = rows + 1
  tries[rows] = ${lost}
  if held[ARGV[i]] == tonumber(ARGV[i + 1]) then
    local n = #owned + 1
    owned[n] = { row = rows, stream = stream, entry = ARGV[i] }
    ids[n] = ARGV[i + 2]
    marks[n] = ARGV[i] .. ' ' .. ARGV[i + 1] .. ' ' .. consumer
  end
end)
if #owned == 0 then return { tries, {} } end

-- A write that is allowed when memory is full lets the others pass.
redis.call('HDEL', running, '')
local marked, notes, wanted = redis.call('HMGET', running, unpack(ids)), {}, {}
for n, id in ipairs(ids) do
  local retry = prefix .. ':task:retry:' .. id
  -- Another mark is a run that never came to an end: that try is spent.
  if marked[n] and marked[n] ~= marks[n] then redis.pcall('INCR', retry) end
  notes[2 * n - 1], notes[2 * n] = id, marks[n]
  wanted[n], wanted[#ids + n] = prefix .. ':task:data:' .. id, retry
end
redis.call('HSET', running, unpack(notes))

local found, records = redis.call('MGET', unpack(wanted)), {}
for n, id in ipairs(ids) do
  local row, record = owned[n].row, found[n]
  if not record and redis.call('EXISTS', prefix .. ':task:results:' .. id, prefix .. ':ts:ended:' .. id) > 0 then
    redis.call('XACK', owned[n].stream, group, owned[n].entry)
    redis.call('XDEL', owned[n].stream, owned[n].entry)
    redis.call('HDEL', running, id)
    tries[row] = ${ended}
  else
    records[#records + 1] = record
    tries[row] = (tonumber(found[#ids + n]) or 0) + 1
  end
end
return { tries, records }
`);

/**
 * Starts deliveries.
 *
 * @param options.binary Whether records are bytes.
 */
export async function start(
  redis: RedisClient,
  keys: Keys,
  consumer: string,
  deliveries: readonly Delivery[],
  { binary }: { binary: boolean },
): Promise<Start[]> {
  const { args, places } = leaseRows(deliveries, (delivery) => delivery);
  const [tries, records] = await script.run<[number[], (Payload | null)[]]>(
    redis,
    [keys.prefix],
    [group, consumer, ...args],
    { binary },
  );
  const answers = new Array<Start>(deliveries.length);
  let record = 0;
  places.forEach((place, row) => {
    const count = tries[row]!;
    answers[place] = count === lost
      ? "lost"
      : count === ended
      ? "ended"
      : { tries: count, data: records[record++] ?? null };
  });
  return answers;
}
