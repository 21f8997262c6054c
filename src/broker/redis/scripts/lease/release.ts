import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { Delivery } from "../../../contract/delivery.ts";
import { group, type Keys, lua } from "../../keys.ts";
import { leaseArgs } from "./lease_args.ts";
import { longIdle, nobody } from "./released.ts";
import { leaseFunctions } from "../lua/leases.ts";
import { runNoteFunction } from "../lua/run_note.ts";

const script = new Script(`
-- Hands deliveries back: they keep their place in the queue, and whoever looks for leases that ran out takes them.
-- KEYS[1]  the queue's prefix
-- ARGV     group, consumer; then rows of leases
-- returns  how many were still held
${leaseFunctions}
${runNoteFunction}
local held, released, rows = nil, {}, {}
deliveries(3, 3, function(stream, low, high)
  held = pending(stream, low, high)
  released[stream] = {}
end, function(stream, i, priority)
  if held[ARGV[i]] == tonumber(ARGV[i + 1]) then
    released[stream][#released[stream] + 1] = ARGV[i]
    rows[#rows + 1] = { ARGV[i + 2], ARGV[i], ARGV[i + 1], priority .. ':' .. consumer }
  end
end)
if #rows == 0 then return 0 end

for stream, entries in pairs(released) do
  -- XCLAIM takes its options after the ids, JUSTID leaves the number of deliveries as it is.
  entries[#entries + 1], entries[#entries + 2], entries[#entries + 3] = 'IDLE', ${longIdle}, 'JUSTID'
  if #entries > 3 then redis.call('XCLAIM', stream, group, '${nobody}', 0, unpack(entries)) end
end
for _, row in ipairs(rows) do
  -- What has run is known to have: it does not expire any more, though this run costs no try.
  if unmark(running, unpack(row)) then redis.call('SET', ${lua.tries("row[1]")}, 0, 'NX') end
end
redis.call('PUBLISH', ${lua.wake}, 'released')
return #rows
`);

/** Hands deliveries back, for any worker to take at once. */
export async function release(
  redis: CommandSender,
  keys: Keys,
  consumer: string,
  deliveries: readonly Delivery[],
): Promise<void> {
  const { args } = leaseArgs(deliveries, (delivery) => delivery);
  await script.run(redis, [keys.prefix], [group, consumer, ...args]);
}
