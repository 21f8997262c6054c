import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { Delivery, Start } from "../../../contract/delivery.ts";
import { group, type Keys } from "../../keys.ts";
import { leaseArgs } from "./lease_args.ts";
import { leaseFunctions } from "../lua/leases.ts";
import { notStarted, startFunction } from "../lua/start.ts";
import { readStarts, type StartReply } from "./start_reply.ts";

/** How many deliveries are started in one call: their records, which Lua copies, may be large. */
export const startLimit = 50;

const script = new Script(`
-- Starts deliveries.
-- KEYS[1]  the queue's prefix
-- ARGV     group, consumer; then rows of leases
-- returns  for each row ${notStarted.lost} (somebody else holds it), ${notStarted.ended} (it had ended) or its tries;
--          the records of those with tries, in order; the time in ms; by pairs of row and number, what they went through;
--          by pairs of row and input, what was piped into them
${leaseFunctions}
${startFunction}
local held
local owned, places, answers = {}, {}, {}
deliveries(3, 3, function(stream, low, high)
  held = pending(stream, low, high)
end, function(stream, i, priority)
  answers[#answers + 1] = ${notStarted.lost}
  if held[ARGV[i]] == tonumber(ARGV[i + 1]) then
    local row = { priority = priority, stream = stream, entry = ARGV[i], deliveries = ARGV[i + 1], id = ARGV[i + 2] }
    owned[#owned + 1], places[#places + 1] = row, #answers
  end
end)
local tries, records, now, past, given = begin(owned)
for n, place in ipairs(places) do answers[place] = tries[n] end
for i = 1, #past, 2 do past[i] = places[past[i] + 1] - 1 end
for i = 1, #given, 2 do given[i] = places[given[i] + 1] - 1 end
return { answers, records, now, past, given }
`);

/**
 * Starts deliveries.
 *
 * @param options.binary Whether records are bytes.
 */
export async function start(
  redis: CommandSender,
  keys: Keys,
  consumer: string,
  deliveries: readonly Delivery[],
  { binary }: { binary: boolean },
): Promise<Start[]> {
  const { args, places } = leaseArgs(deliveries, (delivery) => delivery);
  const reply = await script.run<StartReply>(redis, [keys.prefix], [group, consumer, ...args], { binary });
  const answers = new Array<Start>(deliveries.length);
  const starts = readStarts(reply);
  places.forEach((place, row) => answers[place] = starts[row]!);
  return answers;
}
