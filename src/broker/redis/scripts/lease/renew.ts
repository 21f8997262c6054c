import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { ConsumerOptions } from "../../../contract/consumer.ts";
import type { Delivery } from "../../../contract/delivery.ts";
import type { Renewal, WorkerStatus } from "../../../contract/membership.ts";
import { group, type Keys, lua } from "../../keys.ts";
import { leaseFunctions } from "../lua/leases.ts";
import { leaseArgs } from "./lease_args.ts";
import { showRegistered } from "./registered.ts";

/**
 * How long the sorted set of workers is kept, in idle timeouts: idle workers renew it less often than their heartbeat.
 */
const workersTtl = 20;

const script = new Script(`
-- Extends the leases of a worker, and records that it is alive.
-- KEYS[1]  the queue's prefix
-- ARGV     group, consumer, idle timeout in ms, worker id, summary, registered tasks; then rows of leases
-- returns  largest idle timeout of a living worker in ms; number of listed fan-outs; 1 if the worker was recorded as
--          alive, else 0; then the lost rows, counted from 0, as -1 - row where the task was aborted
${leaseFunctions}
local idleTimeout = tonumber(ARGV[3])
local wasAlive = redis.call('EXISTS', ${lua.health("ARGV[4]")})
local answer, row, pending, renewed = { idleTimeout, redis.pcall('HLEN', ${lua.fanOuts}), wasAlive }, 0, nil, {}
forEachLease(7, 3, function(stream, low, high)
  pending = pendingEntries(stream, low, high)
  renewed[stream] = {}
end, function(stream, i)
  if pending[ARGV[i]] == tonumber(ARGV[i + 1]) then
    renewed[stream][#renewed[stream] + 1] = ARGV[i]
  else
    -- The cause in the mark of a run has its lease, with spaces; that of a failed dependency begins with a colon.
    local mark = redis.pcall('GET', ${lua.ended("ARGV[i + 2]")})
    local cause = type(mark) == 'string' and string.match(mark, '^0 %S+ (.*)$')
    local isAborted = cause and not string.find(cause, ' ', 1, true) and string.sub(cause, 1, 1) ~= ':'
    answer[#answer + 1] = isAborted and -1 - row or row
  end
  row = row + 1
end)
for stream, entries in pairs(renewed) do
  entries[#entries + 1] = 'JUSTID'
  if #entries > 1 then redis.call('XCLAIM', stream, group, consumer, 0, unpack(entries)) end
end

-- When memory is full, a script may write if its first write is a command that is still allowed, such as ZREM.
local workers, health = ${lua.workers}, ${lua.health("")}
redis.pcall('ZREM', workers, ARGV[4])
redis.call('SET', health .. ARGV[4], ARGV[5], 'PX', idleTimeout)
redis.pcall('ZADD', workers, idleTimeout, ARGV[4])
redis.pcall('HSET', ${lua.registeredNames}, consumer, ARGV[6])
-- The idle timeout of the first living worker applies; dead workers before it are removed.
local longest = redis.pcall('ZREVRANGE', workers, 0, 99, 'WITHSCORES')
for n = 1, #longest, 2 do
  if redis.call('EXISTS', health .. longest[n]) == 1 then
    answer[1] = math.max(idleTimeout, tonumber(longest[n + 1]))
    break
  end
  redis.pcall('ZREM', workers, longest[n])
end
local kept = string.format('%.0f', ${workersTtl} * answer[1])
redis.call('PEXPIRE', workers, kept)
redis.call('PEXPIRE', ${lua.registeredNames}, kept)
return answer
`);

/** Extends the leases of deliveries, and records that the worker is alive. */
export async function renew(
  redis: CommandSender,
  keys: Keys,
  { name, idleTimeout }: ConsumerOptions,
  deliveries: readonly Delivery[],
  { workerId, summary, versions }: WorkerStatus,
): Promise<Omit<Renewal, "hasPending"> & { listed: number; wasAlive: boolean }> {
  const { args, indexes } = leaseArgs(deliveries, (delivery) => delivery);
  const [longest, listed, wasAlive, ...rows] = await script.run<[number, number, number, ...number[]]>(
    redis,
    [keys.prefix],
    [group, name, idleTimeout, workerId, summary, showRegistered(versions), ...args],
  );
  const deliveryOf = (row: number) => deliveries[indexes[row]!]!;
  return {
    idleTimeout: longest,
    listed,
    wasAlive: wasAlive === 1,
    lost: rows.filter((row) => row >= 0).map(deliveryOf),
    aborted: rows.filter((row) => row < 0).map((row) => deliveryOf(-1 - row)),
  };
}
