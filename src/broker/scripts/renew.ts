import { type RedisClient, Script } from "../../redis/mod.ts";
import type { ConsumerOptions, Delivery, Renewal, SignOfLife } from "../broker.ts";
import { group, type Keys } from "../keys.ts";
import { leaseRows, leases } from "./leases.ts";

const script = new Script(`
-- Extends the leases of all that a worker holds, and notes that it lives.
-- KEYS[1]  the queue's prefix
-- ARGV     group, consumer, idle timeout in ms, worker id, what the worker says of itself; then rows of leases
-- returns  the largest idle timeout of a living worker in ms, then the rows, from 0 on, whose lease is lost
${leases}
local idle, now = tonumber(ARGV[3]), redis.call('TIME')
now = now[1] * 1000 + math.floor(now[2] / 1000)

local answer, row, held, mine = { idle }, 0, nil, {}
deliveries(6, 3, function(stream, low, high)
  held = pending(stream, low, high)
  mine[stream] = {}
end, function(stream, i)
  if held[ARGV[i]] == tonumber(ARGV[i + 1]) then
    mine[stream][#mine[stream] + 1] = ARGV[i]
  else
    answer[#answer + 1] = row
  end
  row = row + 1
end)
for stream, entries in pairs(mine) do
  entries[#entries + 1] = 'JUSTID'
  if #entries > 1 then redis.call('XCLAIM', stream, group, consumer, 0, unpack(entries)) end
end

-- Forgetting the dead comes first: it is allowed when memory is full, and then so is the rest.
local workers = prefix .. ':ts:workers'
redis.call('ZREMRANGEBYSCORE', workers, '-inf', now)
redis.call('SET', prefix .. ':health:' .. ARGV[4], ARGV[5], 'PX', idle)
redis.call('ZADD', workers, now + idle, idle .. ' ' .. consumer)
for _, worker in ipairs(redis.call('ZRANGE', workers, 0, 999)) do
  answer[1] = math.max(answer[1], tonumber(string.match(worker, '^%d+')) or 0)
end
redis.call('PEXPIRE', workers, answer[1])
return answer
`);

/** Extends the leases of `held`, and says that the worker lives. */
export async function renew(
  redis: RedisClient,
  keys: Keys,
  { name, idleTimeout }: ConsumerOptions,
  held: readonly Delivery[],
  { workerId, summary }: SignOfLife,
): Promise<Renewal> {
  const { args, places } = leaseRows(held, (delivery) => delivery);
  const [longest, ...lost] = await script.run<[number, ...number[]]>(
    redis,
    [keys.prefix],
    [group, name, idleTimeout, workerId, summary, ...args],
  );
  return { idleTimeout: longest, lost: lost.map((row) => held[places[row]!]!) };
}
