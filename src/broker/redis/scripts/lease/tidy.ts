import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { ConsumerOptions } from "../../../contract/consumer.ts";
import { priorityFunction } from "../lua/priorities.ts";
import { typeFunction } from "../lua/types.ts";
import { group, type Keys, lua } from "../../keys.ts";

/** Maximum number of priorities whose streams one call examines. */
const priorityLimit = 100;

/** How many workers, notes of runs and kept failures one call examines of each. */
const tidyLimit = 100;

const script = new Script(`
-- Removes remains of dead workers and lost data: names of workers, consumers without entries, notes of runs whose task
-- is gone, kept failures that have expired, and counts of entries to be dropped when all streams are empty.
-- KEYS[1]  the queue's prefix
-- ARGV     group, minimum idle time of a removed consumer in ms, cursor of the notes, ranks of the first worker and of
--          the first kept failure, maximum number of each; then priorities
-- returns  the next cursor and ranks, or an error that names the key of the notes
${typeFunction}
local prefix, group, idleTimeout = KEYS[1], ARGV[1], tonumber(ARGV[2])
${priorityFunction}
local running = ${lua.running}
local page = redis.pcall('HSCAN', running, ARGV[3], 'COUNT', ARGV[6])
if page.err then return wrongType(running, 'hash') or page end

for i = 7, #ARGV do
  local stream = ${lua.stream("ARGV[i]")}
  -- A key that is not a stream does not stop the other priorities.
  for _, consumer in ipairs(redis.pcall('XINFO', 'CONSUMERS', stream, group)) do
    local fields = {}
    for n = 1, #consumer, 2 do fields[consumer[n]] = consumer[n + 1] end
    -- Deleting a consumer deletes its entries, so they must be taken over first. A consumer is named <worker>-<8 hex
    -- digits>.
    if fields.pending == 0 and fields.idle > idleTimeout then
      local worker = string.match(fields.name, '^(.*)%-%x+$') or fields.name
      if redis.call('EXISTS', ${lua.health("worker")}) == 0 then
        redis.call('XGROUP', 'DELCONSUMER', stream, group, fields.name)
        redis.pcall('HDEL', ${lua.registeredNames}, fields.name)
      end
    end
  end
end

-- Whether no stream of the queue has an entry that is still to be dropped. Other workers may read other priorities.
local function isEmpty()
  local priorities = ${lua.priorities}
  if redis.call('SCARD', priorities) > ${priorityLimit} then return false end
  for _, priority in ipairs(redis.call('SMEMBERS', priorities)) do
    if redis.pcall('XLEN', ${lua.stream("priority")}) ~= 0 then return false end
  end
  return true
end
-- Only a later call than the one that notes its priorities deletes: by then the other workers have noted theirs.
if redis.call('EXISTS', ${lua.dropped}) == 1 and notePriorities(unpack(ARGV, 7)) == 0 and isEmpty() then
  redis.call('DEL', ${lua.dropped}, ${lua.priorities})
end

-- Removes members of a sorted set, from a rank on, whose own key is gone. Returns the next rank, which is 0 at the end.
local function tidySet(set, rank, limit, keyOf)
  -- A key of another type has no members.
  local members = redis.pcall('ZRANGE', set, rank, rank + limit - 1)
  local nextRank = #members == limit and rank + limit or 0
  for _, member in ipairs(members) do
    if redis.call('EXISTS', keyOf(member)) == 0 then
      redis.call('ZREM', set, member)
      nextRank = math.max(0, nextRank - 1)
    end
  end
  return nextRank
end
local limit = tonumber(ARGV[6])
local function healthOf(worker) return ${lua.health("worker")} end
local nextWorkers = tidySet(${lua.workers}, tonumber(ARGV[4]), limit, healthOf)
local function recordOf(id) return ${lua.failedRecord("id")} end
local nextFailures = tidySet(${lua.failures}, tonumber(ARGV[5]), limit, recordOf)

local nextNotes, notes = unpack(page)
for n = 1, #notes, 2 do
  if redis.call('EXISTS', ${lua.data("notes[n]")}) == 0 then redis.call('HDEL', running, notes[n]) end
end
return { nextNotes, nextWorkers, nextFailures }
`);

/** Where tidying continues. */
export interface TidyCursors {
  readonly notes: string;
  /** Ranks, which are 0 again at the end. */
  readonly workers: number;
  readonly failures: number;
}

/** Where tidying begins. */
export const tidyStart: TidyCursors = { notes: "0", workers: 0, failures: 0 };

/** Removes a bounded part of the remains of dead workers and lost data; returns the cursors for the next call. */
export async function tidy(
  redis: CommandSender,
  keys: Keys,
  { priorities, idleTimeout }: ConsumerOptions,
  cursors: TidyCursors,
): Promise<TidyCursors> {
  const args = [group, idleTimeout, cursors.notes, cursors.workers, cursors.failures, tidyLimit, ...priorities];
  const [notes, workers, failures] = await script.run<[string, number, number]>(redis, [keys.prefix], args);
  return { notes, workers, failures };
}
