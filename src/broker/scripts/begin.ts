import { type DedicatedClient, type RedisClient, Script } from "../../redis/mod.ts";
import type { ConsumerOptions, Delivery, Payload, Start } from "../broker.ts";
import { group, type Keys } from "../keys.ts";
import { entryIdsByPriority } from "./entries.ts";
import { readStarts } from "./start.ts";
import { notStarted, starting } from "./starting.ts";

const script = new Script(`
-- Starts what the consumer has just leased: sent behind a blocking read, it spares the first tasks a round trip.
-- KEYS[1]  the queue's prefix
-- ARGV     group, consumer, how many to start at most; then for each stream, highest priority first: priority, number
--          of entries that the consumer holds already, their ids
-- returns  for each started: priority, entry; for each its tries or ${notStarted.ended} (it had ended); records in order
local prefix, group, consumer, limit = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])
local running = prefix .. ':ts:running'
${starting}
local rows, names, i = {}, {}, 4
while ARGV[i] do
  local stream, last, held = prefix .. ':queues:' .. ARGV[i], i + 1 + ARGV[i + 1], {}
  for h = i + 2, last do held[ARGV[h]] = true end
  for _, entry in ipairs(redis.call('XPENDING', stream, group, '-', '+', 100000, consumer)) do
    if #rows == limit then break end
    if not held[entry[1]] then
      local _, fields = unpack(redis.call('XRANGE', stream, entry[1], entry[1])[1] or {})
      -- What names no task is left to who reads the answer to the blocking read.
      local isTask = fields and fields[1] == 'task_id' and fields[2] ~= ''
      if isTask and fields[3] == 'enqueue_time' and string.match(fields[4], '^%d+$') then
        rows[#rows + 1] = { stream = stream, entry = entry[1], deliveries = entry[4], id = fields[2] }
        names[#names + 1], names[#names + 2] = ARGV[i], entry[1]
      end
    end
  end
  i = last + 1
end
local tries, records = begin(rows)
return { names, tries, records }
`);

/** Starts by priority and entry id. */
export type Begun = ReadonlyMap<string, Start>;

/** The key of a delivery in {@linkcode Begun}. */
export function begunKey({ priority, entryId }: Pick<Delivery, "priority" | "entryId">): string {
  return `${priority} ${entryId}`;
}

/** Starts up to `count` entries that the consumer has and does not hold. */
export async function begin(
  redis: Pick<RedisClient | DedicatedClient, "command">,
  keys: Keys,
  { name, priorities }: ConsumerOptions,
  count: number,
  held: Iterable<Delivery>,
  options: { binary: boolean; timeout: number },
): Promise<Begun> {
  const text = new TextDecoder();
  const show = (value: Payload) => typeof value === "string" ? value : text.decode(value);
  const holds = entryIdsByPriority(held);
  const args = priorities.toReversed().flatMap((priority) => {
    const ids = holds.get(priority) ?? [];
    return [priority, ids.length, ...ids];
  });
  const [names, tries, records] = await script.run<[Payload[], number[], (Payload | null)[]]>(
    redis,
    [keys.prefix],
    [group, name, count, ...args],
    options,
  );
  return new Map(
    readStarts(tries, records).map((start, i) => {
      const [priority, entryId] = [show(names[2 * i]!), show(names[2 * i + 1]!)];
      return [begunKey({ priority, entryId }), start];
    }),
  );
}
