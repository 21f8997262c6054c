import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { ConsumerOptions } from "../../../contract/consumer.ts";
import type { Delivery, Start } from "../../../contract/delivery.ts";
import type { Payload } from "../../../contract/payload.ts";
import { group, type Keys, lua } from "../../keys.ts";
import { serverTime } from "../lua/server_time.ts";
import { startFunction } from "../lua/start_runs.ts";
import { readStarts, type StartReply } from "../reply/start_reply.ts";
import { textOf } from "../reply/text.ts";

const script = new Script(`
-- Starts entries that the consumer has just leased. Sent right behind a blocking read, it saves the first tasks a round
-- trip.
-- KEYS[1]  the queue's prefix
-- ARGV     group, consumer, maximum number of runs, size in bytes of the largest record to load, or '' for any; then
--          for each stream, highest priority first: priority, and the largest entry id that the consumer had leased
--          before the read, or ''
-- returns  priority and entry of each run, in turn; then what was started, see startRuns
local prefix, group, consumer, limit = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])
local running, maxPayload = ${lua.running}, tonumber(ARGV[4]) or math.huge

-- Broken entries are left to the caller, which reads the reply of the blocking read.
local function isTask(fields)
  if not fields or fields[1] ~= 'task_id' or fields[2] == '' then return false end
  return fields[3] == 'enqueue_time' and string.find(fields[4], '^%d+$') ~= nil
end

-- Most reads bring a single task, which is new. Returns nil for one that is not so plain.
local function startOne(priority, low)
  local stream = ${lua.stream("priority")}
  local pending = redis.pcall('XPENDING', stream, group, low, '+', 2, consumer)
  if #pending ~= 1 or pending[1][4] ~= 1 then return end
  local entry = pending[1][1]
  local _, fields = unpack(redis.call('XRANGE', stream, entry, entry)[1] or {})
  if not isTask(fields) or redis.call('EXISTS', ${lua.dropped}, ${lua.tried}, ${lua.inputs}) > 0 then return end
  local id = fields[2]
  local record = redis.pcall('GET', ${lua.data("id")})
  if type(record) ~= 'string' or #record > maxPayload then return end
  -- The first write, as in prepareStarts.
  if type(redis.pcall('HDEL', running, '')) == 'table' then return end
  if redis.call('HSETNX', running, id, entry .. ' 1 0 ' .. priority .. ':' .. consumer) == 0 then return end
  ${serverTime}
  return { { priority, entry }, {}, { record }, now, {}, {} }
end

-- New entries have larger ids than all earlier ones.
local function after(largest)
  return largest == '' and '-' or '(' .. largest
end

if #ARGV == 6 then
  local answer = startOne(ARGV[5], after(ARGV[6]))
  if answer then return answer end
end
${startFunction}
local names = {}
local broken = prepareStarts()
if broken then return broken end
for i = 5, #ARGV, 2 do
  if limit == 0 then break end
  local stream = ${lua.stream("ARGV[i]")}
  local low = after(ARGV[i + 1])
  local entries, deliveries, ids = {}, {}, {}
  -- A key that is not a stream does not stop the other priorities.
  for _, entry in ipairs(redis.pcall('XPENDING', stream, group, low, '+', limit, consumer)) do
    local _, fields = unpack(redis.call('XRANGE', stream, entry[1], entry[1])[1] or {})
    if isTask(fields) then
      entries[#entries + 1], deliveries[#deliveries + 1], ids[#ids + 1] = entry[1], entry[4], fields[2]
      names[#names + 1], names[#names + 2] = ARGV[i], entry[1]
    end
  end
  limit = limit - #entries
  if #entries > 0 then startRuns(ARGV[i], stream, entries, deliveries, ids) end
end
return { names, unpack(starts) }
`);

/** Starts by priority and entry id, see {@linkcode begunKey}. */
export type Begun = ReadonlyMap<string, Start>;

/** The key of a delivery in {@linkcode Begun}. */
export function begunKey({ priority, entryId }: Pick<Delivery, "priority" | "entryId">): string {
  return `${priority} ${entryId}`;
}

/**
 * Starts deliveries that a blocking read has just leased.
 *
 * @param limit Maximum number of deliveries to start.
 * @param largest By priority, the largest entry id that the consumer had leased before the read.
 */
export async function begin(
  redis: CommandSender,
  keys: Keys,
  { name, priorities, maxPayload }: ConsumerOptions,
  limit: number,
  largest: ReadonlyMap<string, string>,
  options: { binary: boolean; timeout: number },
): Promise<Begun> {
  const args = priorities.toReversed().flatMap((priority) => [priority, largest.get(priority) ?? ""]);
  const [names, ...reply] = await script.run<[Payload[], ...StartReply]>(
    redis,
    [keys.prefix],
    [group, name, limit, maxPayload ?? "", ...args],
    options,
  );
  return new Map(
    readStarts(reply, names.length / 2).map((start, i) => {
      const [priority, entryId] = [textOf(names[2 * i]!), textOf(names[2 * i + 1]!)];
      return [begunKey({ priority, entryId }), start];
    }),
  );
}
