import { type RedisClient, Script } from "../../redis/mod.ts";
import type { Delivery, Payload, Start } from "../broker.ts";
import { group, type Keys } from "../keys.ts";
import { leaseRows, leases } from "./leases.ts";
import { notStarted, starting } from "./starting.ts";

const script = new Script(`
-- Starts deliveries.
-- KEYS[1]  the queue's prefix
-- ARGV     group, consumer; then rows of leases
-- returns  for each row ${notStarted.lost} (somebody else holds it), ${notStarted.ended} (it had ended) or its tries;
--          the records of those with tries, in order
${leases}
${starting}
local held
local owned, places, answers = {}, {}, {}
deliveries(3, 3, function(stream, low, high)
  held = pending(stream, low, high)
end, function(stream, i)
  answers[#answers + 1] = ${notStarted.lost}
  if held[ARGV[i]] == tonumber(ARGV[i + 1]) then
    owned[#owned + 1] = { stream = stream, entry = ARGV[i], deliveries = ARGV[i + 1], id = ARGV[i + 2] }
    places[#places + 1] = #answers
  end
end)
local tries, records = begin(owned)
for n, place in ipairs(places) do answers[place] = tries[n] end
return { answers, records }
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
  const starts = readStarts(tries, records);
  places.forEach((place, row) => answers[place] = starts[row]!);
  return answers;
}

/** Pairs tries and records, as scripts give them. */
export function readStarts(tries: readonly number[], records: readonly (Payload | null)[]): Start[] {
  let record = 0;
  return tries.map((count) => {
    if (count === notStarted.lost) return "lost";
    if (count === notStarted.ended) return "ended";
    return { tries: count, data: records[record++] ?? null };
  });
}
