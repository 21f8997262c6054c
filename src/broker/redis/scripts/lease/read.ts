import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { ConsumerOptions } from "../../../contract/consumer.ts";
import type { Delivery, Read } from "../../../contract/delivery.ts";
import { group, type Keys, lua } from "../../keys.ts";
import { type RawEntry, sortEntries } from "./entries.ts";
import { runNoteFunction } from "../lua/run_note.ts";

/** How many pending entries of a stream one call looks at for a lease that ran out. */
const sweepLimit = 100;

const script = new Script(`
-- Leases entries: those whose lease ran out, if asked to, then new ones; each highest priority first.
-- KEYS[1]  the queue's prefix
-- ARGV     group, consumer, count, idle time of an expired lease in ms, how many pending entries to look at, how many
--          quarantined entries to lease at most; then for each stream, highest priority first: priority, cursor ('' to
--          search for no expired lease), number of entries in flight at the consumer, their ids
-- returns  1 where quarantined entries were passed over, or 0; for each stream: entries, their numbers of deliveries (of
--          the first ones, the rest is 1; negative for a quarantined one), next cursor or ''
local prefix, group, consumer = KEYS[1], ARGV[1], ARGV[2]
local count, idle, limit = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local quarantined, passedOver = tonumber(ARGV[6]), 0
local running = ${lua.running}

-- Whether the last two runs of an entry's task were cut off: it may be what its workers died of.
local function isQuarantined(stream, entry)
  local _, fields = unpack(redis.call('XRANGE', stream, entry, entry)[1] or {})
  if not fields or fields[1] ~= 'task_id' then return false end
  local crashes = string.match(redis.call('HGET', running, fields[2]) or '', '^%S+ %S+ (%d+) ')
  return crashes and crashes ~= '0'
end

${runNoteFunction}
local function takeover(priority, stream, cursor, held)
  local stale, deliveries, own = {}, {}, {}
  local pending = redis.call('XPENDING', stream, group, cursor, '+', limit)
  local next = #pending == limit and '(' .. pending[limit][1] or ''
  for _, entry in ipairs(pending) do
    if #stale == count then
      next = '(' .. stale[count]
      break
    end
    local isOwn = entry[2] == consumer
    if (entry[3] >= idle or isOwn) and not held[entry[1]] then
      local suspect = isQuarantined(stream, entry[1])
      if suspect and quarantined == 0 then
        passedOver = 1
      else
        if suspect then quarantined = quarantined - 1 end
        stale[#stale + 1] = entry[1]
        own[entry[1]] = isOwn
        deliveries[entry[1]] = (entry[4] + 1) * (suspect and -1 or 1)
      end
    end
  end
  if #stale == 0 then return {}, {}, next end
  local entries, numbers = {}, {}
  for _, entry in ipairs(redis.call('XCLAIM', stream, group, consumer, 0, unpack(stale))) do
    -- Redis 6 gives nil for an entry that is gone from its stream
    if entry then
      entries[#entries + 1] = entry
      numbers[#numbers + 1] = deliveries[entry[1]]
      local fields = entry[2]
      if fields[1] == 'task_id' then
        -- What the consumer has but does not hold was read, and the answer got lost; if it was started too, it never ran.
        if own[entry[1]] then
          unmark(running, fields[2], entry[1], math.abs(deliveries[entry[1]]) - 1, priority .. ':' .. consumer)
        end
      end
    end
  end
  return entries, numbers, next
end

-- The largest idle timeout of the living counts: one that holds nothing learns of it late.
local function lookUp()
  local longest = redis.pcall('ZREVRANGE', ${lua.workers}, 0, 99, 'WITHSCORES')
  for n = 1, #longest, 2 do
    if redis.call('EXISTS', ${lua.health("longest[n]")}) == 1 then
      idle = math.max(idle, tonumber(longest[n + 1]))
      return
    end
  end
end

local streams, i, searches = {}, 7, false
while ARGV[i] do
  local past, held = i + 3 + ARGV[i + 2], {}
  for h = i + 3, past - 1 do held[ARGV[h]] = true end
  streams[#streams + 1] = {
    priority = ARGV[i], stream = ${lua.stream("ARGV[i]")}, cursor = ARGV[i + 1], held = held, entries = {}, numbers = {}
  }
  searches = searches or ARGV[i + 1] ~= ''
  i = past
end
if searches then lookUp() end
-- What was started before comes first, or work on a high priority would keep it from ever being taken over.
for _, s in ipairs(streams) do
  if s.cursor ~= '' and count > 0 then
    s.entries, s.numbers, s.cursor = takeover(s.priority, s.stream, s.cursor, s.held)
    count = count - #s.entries
  end
end
local answer = { passedOver }
for _, s in ipairs(streams) do
  if count > 0 then
    local read = redis.call('XREADGROUP', 'GROUP', group, consumer, 'COUNT', count, 'STREAMS', s.stream, '>')
    if read then
      for _, entry in ipairs(read[1][2]) do s.entries[#s.entries + 1] = entry end
      count = count - #read[1][2]
    end
  end
  answer[#answer + 1], answer[#answer + 2], answer[#answer + 3] = s.entries, s.numbers, s.cursor
end
return answer
`);

/** How far the search for leases that ran out has come, by priority; where it has come to its end there is none. */
export type Cursors = Map<string, string>;

/** A search for expired leases. */
export interface Search {
  /** Entries that the search passes over. */
  readonly known: Iterable<Pick<Delivery, "priority" | "entryId">>;
  /** Where the search continues; the cursors move. */
  readonly cursors: Cursors;
  /** How many quarantined entries to lease at most. */
  readonly quarantined: number;
}

/** Leases up to `count` entries. */
export async function read(
  redis: CommandSender,
  keys: Keys,
  { name, priorities, idleTimeout }: ConsumerOptions,
  count: number,
  { known, cursors, quarantined }: Search,
): Promise<Read> {
  const holds = entryIdsByPriority(cursors.size > 0 ? known : []);
  const args: (string | number)[] = [group, name, count, idleTimeout, sweepLimit, quarantined];
  const highestFirst = priorities.toReversed();
  for (const priority of highestFirst) {
    const ids = holds.get(priority) ?? [];
    args.push(priority, cursors.get(priority) ?? "", ids.length, ...ids);
  }
  const [passedOver, ...reply] = await script.run<[number, ...(RawEntry[] | number[] | string)[]]>(
    redis,
    [keys.prefix],
    args,
  );
  const found = { deliveries: [], broken: [] };
  highestFirst.forEach((priority, i) => {
    sortEntries(found, priority, reply[3 * i] as RawEntry[], reply[3 * i + 1] as number[]);
    const cursor = reply[3 * i + 2] as string;
    if (cursor === "") cursors.delete(priority);
    else cursors.set(priority, cursor);
  });
  return { ...found, unfinished: cursors.size > 0, passedOver: passedOver === 1 };
}

/** The cursors of a search that begins. */
export function fromBeginning(priorities: readonly string[]): Cursors {
  return new Map(priorities.map((priority) => [priority, "-"]));
}

/** The ids of entries, by stream. */
function entryIdsByPriority(
  deliveries: Iterable<Pick<Delivery, "priority" | "entryId">>,
): ReadonlyMap<string, string[]> {
  const ids = new Map<string, string[]>();
  for (const { priority, entryId } of deliveries) {
    const list = ids.get(priority);
    if (list) list.push(entryId);
    else ids.set(priority, [entryId]);
  }
  return ids;
}
