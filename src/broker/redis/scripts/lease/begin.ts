import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { ConsumerOptions } from "../../../contract/consumer.ts";
import type { Delivery, Start } from "../../../contract/delivery.ts";
import type { Payload } from "../../../contract/payload.ts";
import { group, type Keys, lua } from "../../keys.ts";
import { readStarts, type StartReply } from "./start_reply.ts";
import { startFunction } from "../lua/start.ts";

const script = new Script(`
-- Starts what the consumer has just leased: sent behind a blocking read, it spares the first tasks a round trip.
-- KEYS[1]  the queue's prefix
-- ARGV     group, consumer, how many to start at most; then for each stream, highest priority first: priority, and the
--          largest entry id that the consumer knew before, or ''
-- returns  for each started: priority, entry; then as start does
local prefix, group, consumer, limit = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])
local running = ${lua.running}
${startFunction}
local rows, names = {}, {}
for i = 4, #ARGV, 2 do
  local stream = ${lua.stream("ARGV[i]")}
  -- What is new has larger ids than all that was known.
  local low = ARGV[i + 1] == '' and '-' or '(' .. ARGV[i + 1]
  if #rows == limit then break end
  for _, entry in ipairs(redis.call('XPENDING', stream, group, low, '+', limit - #rows, consumer)) do
    local _, fields = unpack(redis.call('XRANGE', stream, entry[1], entry[1])[1] or {})
    -- What names no task is left to who reads the answer to the blocking read.
    local isTask = fields and fields[1] == 'task_id' and fields[2] ~= ''
    if isTask and fields[3] == 'enqueue_time' and string.match(fields[4], '^%d+$') then
      local row = { priority = ARGV[i], stream = stream, entry = entry[1], deliveries = entry[4], id = fields[2] }
      rows[#rows + 1] = row
      names[#names + 1], names[#names + 2] = ARGV[i], entry[1]
    end
  end
end
return { names, begin(rows) }
`);

/** Starts by priority and entry id. */
export type Begun = ReadonlyMap<string, Start>;

/** The key of a delivery in {@linkcode Begun}. */
export function begunKey({ priority, entryId }: Pick<Delivery, "priority" | "entryId">): string {
  return `${priority} ${entryId}`;
}

/** Starts up to `count` entries that came after those `known`, by priority the largest of each. */
export async function begin(
  redis: CommandSender,
  keys: Keys,
  { name, priorities }: ConsumerOptions,
  count: number,
  known: ReadonlyMap<string, string>,
  options: { binary: boolean; timeout: number },
): Promise<Begun> {
  const text = new TextDecoder();
  const show = (value: Payload) => typeof value === "string" ? value : text.decode(value);
  const args = priorities.toReversed().flatMap((priority) => [priority, known.get(priority) ?? ""]);
  const [names, ...reply] = await script.run<[Payload[], ...StartReply]>(
    redis,
    [keys.prefix],
    [group, name, count, ...args],
    options,
  );
  return new Map(
    readStarts(reply).map((start, i) => {
      const [priority, entryId] = [show(names[2 * i]!), show(names[2 * i + 1]!)];
      return [begunKey({ priority, entryId }), start];
    }),
  );
}
