import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { ConsumerOptions } from "../../../contract/consumer.ts";
import { group, type Keys, lua } from "../../keys.ts";

/** How many notes of what runs are looked at in one call. */
const tidyLimit = 100;

const script = new Script(`
-- Clears what dead workers and lost data leave behind: their names, consumers that hold nothing, notes of runs whose task is
-- gone, and counts of entries to be dropped where there are no entries.
-- KEYS[1]  the queue's prefix
-- ARGV     group, how long in ms a consumer must have been idle, cursor of the notes, how many of each to look at; then priorities
-- returns  the next cursor
local prefix, group, idle, empty = KEYS[1], ARGV[1], tonumber(ARGV[2]), true
for i = 5, #ARGV do
  local stream = ${lua.stream("ARGV[i]")}
  empty = empty and redis.call('XLEN', stream) == 0 and redis.call('EXISTS', ${lua.delayed("ARGV[i]")}) == 0
  for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', stream, group)) do
    local fields = {}
    for n = 1, #consumer, 2 do fields[consumer[n]] = consumer[n + 1] end
    -- What it holds would go with it, so it goes when others have taken that over. Its name is its worker's and 8 hex.
    if fields.pending == 0 and fields.idle > idle then
      local worker = string.match(fields.name, '^(.*)%-%x+$') or fields.name
      if redis.call('EXISTS', ${lua.health("worker")}) == 0 then
        redis.call('XGROUP', 'DELCONSUMER', stream, group, fields.name)
      end
    end
  end
end
if empty then redis.call('DEL', ${lua.dropped}) end

local workers = ${lua.workers}
for _, worker in ipairs(redis.call('ZRANGE', workers, 0, ARGV[4] - 1)) do
  if redis.call('EXISTS', ${lua.health("worker")}) == 0 then redis.call('ZREM', workers, worker) end
end

local running = ${lua.running}
local cursor, notes = unpack(redis.call('HSCAN', running, ARGV[3], 'COUNT', ARGV[4]))
for n = 1, #notes, 2 do
  if redis.call('EXISTS', ${lua.data("notes[n]")}) == 0 then redis.call('HDEL', running, notes[n]) end
end
return cursor
`);

/** Clears what dead workers and lost data leave behind, a part at a time; answers where to go on. */
export async function tidy(
  redis: CommandSender,
  keys: Keys,
  { priorities, idleTimeout }: ConsumerOptions,
  cursor: string,
): Promise<string> {
  const args = [group, idleTimeout, cursor, tidyLimit, ...priorities];
  return await script.run<string>(redis, [keys.prefix], args);
}
