import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { Delivery } from "../../../contract/delivery.ts";
import { group, type Keys, lua } from "../../keys.ts";
import { endRunFunction } from "../lua/end_run.ts";
import { triesFunctions } from "../lua/tries.ts";
import { leaseFunctions } from "../lua/leases.ts";
import { leaseArgs } from "./lease_args.ts";
import { releasedConsumer, releasedIdleTime } from "./released.ts";

const script = new Script(`
-- Releases deliveries: their entries keep their place in the queue, and the next search for expired leases takes them
-- over.
-- KEYS[1]  the queue's prefix
-- ARGV     group, consumer; then rows of leases
-- returns  number of leases that had not been lost
${leaseFunctions}
${endRunFunction}
${triesFunctions}
local tries = ${lua.tries("")}
local pending, released, runs = nil, {}, {}
forEachLease(3, 3, function(stream, low, high)
  pending = pendingEntries(stream, low, high)
  released[stream] = {}
end, function(stream, i, priority)
  if pending[ARGV[i]] == tonumber(ARGV[i + 1]) then
    released[stream][#released[stream] + 1] = ARGV[i]
    runs[#runs + 1] = { ARGV[i + 2], ARGV[i], ARGV[i + 1], priority .. ':' .. consumer }
  end
end)
if #runs == 0 then return 0 end

for stream, entries in pairs(released) do
  -- XCLAIM takes its options after the ids; JUSTID keeps the number of deliveries.
  entries[#entries + 1], entries[#entries + 2], entries[#entries + 3] = 'IDLE', ${releasedIdleTime}, 'JUSTID'
  if #entries > 3 then redis.call('XCLAIM', stream, group, '${releasedConsumer}', 0, unpack(entries)) end
end
for _, run in ipairs(runs) do
  -- A counter of 0 tries records that the task has run: it no longer expires, though this run spends no try.
  if endRun(running, unpack(run)) and redis.call('EXISTS', tries .. run[1]) == 0 then
    storeTries(run[1], 0)
  end
end
redis.pcall('PUBLISH', ${lua.wake}, 'released')
return #runs
`);

/** Releases deliveries for any worker to take at once. */
export async function release(
  redis: CommandSender,
  keys: Keys,
  consumer: string,
  deliveries: readonly Delivery[],
): Promise<void> {
  const { args } = leaseArgs(deliveries, (delivery) => delivery);
  await script.run(redis, [keys.prefix], [group, consumer, ...args]);
}
