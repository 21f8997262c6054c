import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { ConsumerOptions } from "../../../contract/consumer.ts";
import type { Delivery } from "../../../contract/delivery.ts";
import type { Renewal, WorkerStatus } from "../../../contract/membership.ts";
import { group, type Keys, lua } from "../../keys.ts";
import { leaseArgs } from "./lease_args.ts";
import { leaseFunctions } from "../lua/leases.ts";

/** How many idle timeouts long it is known which workers there are; they say so less often than that they live. */
const keptTimeouts = 20;

const script = new Script(`
-- Extends the leases of all that a worker holds, and notes that it lives.
-- KEYS[1]  the queue's prefix
-- ARGV     group, consumer, idle timeout in ms, worker id, what the worker says of itself; then rows of leases
-- returns  the largest idle timeout of a living worker in ms, how many tasks have ended whose dependents are still to be
--          told, then the rows, from 0 on, whose lease is lost
${leaseFunctions}
local idle = tonumber(ARGV[3])
local answer, row, held, mine = { idle, redis.pcall('HLEN', ${lua.fanOuts}) }, 0, nil, {}
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

-- Removing comes first: it is allowed when memory is full, and then so is the rest.
local workers, health = ${lua.workers}, ${lua.health("")}
redis.call('ZREM', workers, ARGV[4])
redis.call('SET', health .. ARGV[4], ARGV[5], 'PX', idle)
redis.call('ZADD', workers, idle, ARGV[4])
-- The first of the living counts; the dead before it are forgotten.
local longest = redis.call('ZREVRANGE', workers, 0, 99, 'WITHSCORES')
for n = 1, #longest, 2 do
  if redis.call('EXISTS', health .. longest[n]) == 1 then
    answer[1] = math.max(idle, tonumber(longest[n + 1]))
    break
  end
  redis.call('ZREM', workers, longest[n])
end
redis.call('PEXPIRE', workers, string.format('%.0f', ${keptTimeouts} * answer[1]))
return answer
`);

/** Extends the leases of `held`, and says that the worker lives. */
export async function renew(
  redis: CommandSender,
  keys: Keys,
  { name, idleTimeout }: ConsumerOptions,
  held: readonly Delivery[],
  { workerId, summary }: WorkerStatus,
): Promise<Pick<Renewal, "lost" | "idleTimeout"> & { listed: number }> {
  const { args, places } = leaseArgs(held, (delivery) => delivery);
  const [longest, listed, ...lost] = await script.run<[number, number, ...number[]]>(
    redis,
    [keys.prefix],
    [group, name, idleTimeout, workerId, summary, ...args],
  );
  return { idleTimeout: longest, listed, lost: lost.map((row) => held[places[row]!]!) };
}
