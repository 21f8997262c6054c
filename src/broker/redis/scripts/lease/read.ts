import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { ConsumerOptions } from "../../../contract/consumer.ts";
import type { Delivery, Read } from "../../../contract/delivery.ts";
import { group, type Keys, lua } from "../../keys.ts";
import { endRunFunction } from "../lua/end_run.ts";
import { typeFunction } from "../lua/types.ts";
import { type RawEntry, sortEntries } from "../reply/entries.ts";
import { releasedConsumer } from "./released.ts";

/** How many pending entries of a stream one call examines for an expired lease. */
const searchLimit = 100;

const script = new Script(`
-- Leases entries: first those whose lease has expired, if requested, then new ones; of each, the highest priority
-- first.
-- KEYS[1]  the queue's prefix
-- ARGV     group, consumer, maximum number of entries, how many pending entries of a stream to examine, maximum number
--          of quarantined entries, number of consumers whose leases have expired, their names; then for each stream,
--          highest priority first: priority, cursor of the search for expired leases ('' for no search), number of
--          entries to pass over, their ids
-- returns  1 if quarantined entries were passed over, else 0; for each stream: entries, their numbers of deliveries
--          (negative for a quarantined one; 1 for those left out at the end), next cursor ('' at the end). Or an error
--          of a stream, if no entry was leased
${typeFunction}
local prefix, group, consumer = KEYS[1], ARGV[1], ARGV[2]
local count, searchLimit, quarantineLimit = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local passedOver, i, hasExpired = 0, 7 + ARGV[6], {}
for n = 7, i - 1 do hasExpired[ARGV[n]] = true end
local running = ${lua.running}

-- An error must not hide entries that are leased already, so it concerns its stream alone. The next call that leases
-- nothing returns it.
local failure
local function fail(stream, err)
  failure = failure or wrongType(stream, 'stream') or err
end

-- The note of a task's run; '' if there is none.
local function noteOf(id)
  local note = redis.pcall('HGET', running, id)
  return type(note) == 'string' and note or ''
end

-- Whether the last two runs of the entry's task ended with the death of their worker, which the task may have caused.
local function isQuarantined(stream, entry)
  local _, fields = unpack(redis.call('XRANGE', stream, entry, entry)[1] or {})
  if not fields or fields[1] ~= 'task_id' then return false end
  local crashes = string.match(noteOf(fields[2]), '^%S+ %S+ (%d+) ')
  return crashes and crashes ~= '0'
end

${endRunFunction}
-- Takes over entries whose lease has expired. Returns the entries, their numbers of deliveries and the next cursor.
local function takeOver(priority, stream, cursor, known)
  local expired, deliveries, own = {}, {}, {}
  local pending = redis.pcall('XPENDING', stream, group, cursor, '+', searchLimit)
  if pending.err then
    fail(stream, pending)
    return {}, {}, ''
  end
  local next = #pending == searchLimit and '(' .. pending[searchLimit][1] or ''
  for _, entry in ipairs(pending) do
    if #expired == count then
      next = '(' .. expired[count]
      break
    end
    local isOwn = entry[2] == consumer
    if (hasExpired[entry[2]] or isOwn) and not known[entry[1]] then
      local quarantined = isQuarantined(stream, entry[1])
      if quarantined and quarantineLimit == 0 then
        passedOver = 1
      else
        if quarantined then quarantineLimit = quarantineLimit - 1 end
        expired[#expired + 1] = entry[1]
        own[entry[1]] = isOwn
        deliveries[entry[1]] = (entry[4] + 1) * (quarantined and -1 or 1)
      end
    end
  end
  if #expired == 0 then return {}, {}, next end
  local entries, counts = {}, {}
  for n, entry in ipairs(redis.call('XCLAIM', stream, group, consumer, 0, unpack(expired))) do
    -- Redis 6 returns nil for an entry that was deleted from its stream.
    if entry then
      entries[#entries + 1] = entry
      counts[#counts + 1] = deliveries[entry[1]]
      local fields = entry[2]
      if fields[1] == 'task_id' then
        -- A pending entry that this worker does not have was leased by a read whose reply was lost. It may have been
        -- started behind that read, but it never ran.
        if own[entry[1]] then
          endRun(running, fields[2], entry[1], math.abs(deliveries[entry[1]]) - 1, priority .. ':' .. consumer)
        end
      end
    else
      redis.call('XACK', stream, group, expired[n])
    end
  end
  return entries, counts, next
end

local reads = {}
while ARGV[i] do
  local past, known = i + 3 + ARGV[i + 2], {}
  for n = i + 3, past - 1 do known[ARGV[n]] = true end
  reads[#reads + 1] = {
    priority = ARGV[i], stream = ${lua.stream("ARGV[i]")}, cursor = ARGV[i + 1], known = known,
    entries = {}, counts = {}
  }
  i = past
end
-- Expired leases come first, or new work of a high priority would keep the others from ever being taken over.
for _, read in ipairs(reads) do
  if read.cursor ~= '' and count > 0 then
    read.entries, read.counts, read.cursor = takeOver(read.priority, read.stream, read.cursor, read.known)
    count = count - #read.entries
  end
end
local answer, isEmpty = { passedOver }, true
for _, read in ipairs(reads) do
  if count > 0 then
    local reply = redis.pcall('XREADGROUP', 'GROUP', group, consumer, 'COUNT', count, 'STREAMS', read.stream, '>')
    if reply and reply.err then
      fail(read.stream, reply)
    elseif reply then
      for _, entry in ipairs(reply[1][2]) do read.entries[#read.entries + 1] = entry end
      count = count - #reply[1][2]
    end
  end
  answer[#answer + 1], answer[#answer + 2], answer[#answer + 3] = read.entries, read.counts, read.cursor
  isEmpty = isEmpty and #read.entries == 0
end
if failure and isEmpty then return failure end
return answer
`);

/** Where the search for expired leases continues, by priority; a priority whose end was reached has none. */
export type Cursors = Map<string, string>;

/** A search for expired leases. */
export interface Search {
  /** Entries that the caller has already; the search passes over them. */
  readonly known: Iterable<Pick<Delivery, "priority" | "entryId">>;
  /** Where the search continues; the call moves them on. */
  readonly cursors: Cursors;
  /** Maximum number of quarantined entries to lease. */
  readonly quarantined: number;
  /** Consumers whose leases have expired. */
  readonly dead: readonly string[];
}

/** Leases up to `count` entries. */
export async function read(
  redis: CommandSender,
  keys: Keys,
  { name, priorities }: Pick<ConsumerOptions, "name" | "priorities">,
  count: number,
  { known, cursors, quarantined, dead }: Search,
): Promise<Omit<Read, "takeoverIn">> {
  const knownIds = entryIdsByPriority(cursors.size > 0 ? known : []);
  const expired = [releasedConsumer, ...dead];
  const args: (string | number)[] = [group, name, count, searchLimit, quarantined, expired.length, ...expired];
  const highestFirst = priorities.toReversed();
  for (const priority of highestFirst) {
    const ids = knownIds.get(priority) ?? [];
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

/** Cursors of a search that begins at the first entry of every stream. */
export function fromBeginning(priorities: readonly string[]): Cursors {
  return new Map(priorities.map((priority) => [priority, "-"]));
}

function entryIdsByPriority(
  entries: Iterable<Pick<Delivery, "priority" | "entryId">>,
): ReadonlyMap<string, string[]> {
  const idsByPriority = new Map<string, string[]>();
  for (const { priority, entryId } of entries) {
    const ids = idsByPriority.get(priority);
    if (ids) ids.push(entryId);
    else idsByPriority.set(priority, [entryId]);
  }
  return idsByPriority;
}
