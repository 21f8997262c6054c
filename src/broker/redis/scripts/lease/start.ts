import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { Delivery, Start } from "../../../contract/delivery.ts";
import type { Payload } from "../../../contract/payload.ts";
import { group, type Keys } from "../../keys.ts";
import { leaseRows, leases } from "../lua/leases.ts";
import { notStarted, starting } from "../lua/starting.ts";

const script = new Script(`
-- Starts deliveries.
-- KEYS[1]  the queue's prefix
-- ARGV     group, consumer; then rows of leases
-- returns  for each row ${notStarted.lost} (somebody else holds it), ${notStarted.ended} (it had ended) or its tries;
--          the records of those with tries, in order; the time in ms; by pairs of row and number, what they went through;
--          by pairs of row and input, what was piped into them
${leases}
${starting}
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
  const { args, places } = leaseRows(deliveries, (delivery) => delivery);
  const reply = await script.run<StartReply>(redis, [keys.prefix], [group, consumer, ...args], { binary });
  const answers = new Array<Start>(deliveries.length);
  const starts = readStarts(reply);
  places.forEach((place, row) => answers[place] = starts[row]!);
  return answers;
}

/** What scripts that start deliveries answer. */
export type StartReply = [
  tries: number[],
  records: (Payload | null)[],
  now: number,
  past: number[],
  given: (number | Payload)[],
];

/** Reads what scripts that start deliveries answer. */
export function readStarts([tries, records, now, past, given]: StartReply): Start[] {
  const crashes = new Map<number, number>();
  for (let i = 0; i < past.length; i += 2) crashes.set(past[i]!, past[i + 1]!);
  const inputs = new Map<number, Payload>();
  for (let i = 0; i < given.length; i += 2) inputs.set(given[i] as number, given[i + 1] as Payload);
  let record = 0;
  return tries.map((count, row) => {
    if (count === notStarted.lost) return "lost";
    if (count === notStarted.ended) return "ended";
    return {
      tries: count,
      data: records[record++] ?? null,
      time: now,
      isFirst: count === 1 && !crashes.has(row),
      crashes: crashes.get(row) ?? 0,
      input: inputs.get(row) ?? null,
    };
  });
}
