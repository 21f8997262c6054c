import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { ConsumerOptions } from "../../../contract/consumer.ts";
import type { Delivery, Start } from "../../../contract/delivery.ts";
import { group, type Keys } from "../../keys.ts";
import { leaseFunctions } from "../lua/leases.ts";
import { notStarted, startFunction } from "../lua/start_runs.ts";
import { readStarts, type StartReply } from "../reply/start_reply.ts";
import { inItemOrder, leaseArgs } from "./lease_args.ts";

/** Maximum number of deliveries in one call: Lua copies their records, which may be large. */
export const startLimit = 50;

const script = new Script(`
-- Starts deliveries. Sent twice, it answers the same.
-- KEYS[1]  the queue's prefix
-- ARGV     group, consumer, size in bytes of the largest record to load, or '' for any; then rows of leases
-- returns  what was started, see startRuns, with a number of tries for each delivery: ${notStarted.lost} where the lease is
--          lost
${leaseFunctions}
local maxPayload = tonumber(ARGV[3]) or math.huge
${startFunction}
local broken = prepareStarts()
if broken then return broken end
local places, answers = {}, {}
local priority, stream, pending, entries, deliveries, ids

local function startStream()
  if not stream or #entries == 0 then return end
  startRuns(priority, stream, entries, deliveries, ids)
end

forEachLease(4, 3, function(next, low, high, nextPriority)
  startStream()
  priority, stream, pending = nextPriority, next, pendingEntries(next, low, high)
  entries, deliveries, ids = {}, {}, {}
end, function(_, i)
  answers[#answers + 1] = ${notStarted.lost}
  if pending[ARGV[i]] == tonumber(ARGV[i + 1]) then
    entries[#entries + 1], deliveries[#deliveries + 1], ids[#ids + 1] = ARGV[i], ARGV[i + 1], ARGV[i + 2]
    places[#places + 1] = #answers
  else
    -- An entry is deleted when its task finishes, or when it is dropped: perhaps by this script, whose reply was lost.
    local found = redis.pcall('XRANGE', stream, ARGV[i], ARGV[i])
    if not found.err and #found == 0 then answers[#answers] = ${notStarted.ended} end
  end
end)
startStream()
local tries, records, now, history, inputs = unpack(starts)
for n, place in ipairs(places) do answers[place] = tries[n] or 1 end
for i = 1, #history, 2 do history[i] = places[history[i] + 1] - 1 end
for i = 1, #inputs, 2 do inputs[i] = places[inputs[i] + 1] - 1 end
return { answers, records, now, history, inputs }
`);

/**
 * Starts deliveries.
 *
 * @param options.binary Whether records are bytes.
 * @param options.maxPayload Size in bytes of the largest record to load.
 */
export async function start(
  redis: CommandSender,
  keys: Keys,
  consumer: string,
  deliveries: readonly Delivery[],
  { binary, maxPayload }: { binary: boolean } & Pick<ConsumerOptions, "maxPayload">,
): Promise<Start[]> {
  const rows = leaseArgs(deliveries, (delivery) => delivery);
  const args = [group, consumer, maxPayload ?? "", ...rows.args];
  const reply = await script.run<StartReply>(redis, [keys.prefix], args, { binary });
  return inItemOrder(rows, readStarts(reply, deliveries.length));
}
