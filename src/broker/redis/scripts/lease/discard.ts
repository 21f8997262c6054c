import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { BrokenEntry } from "../../../contract/delivery.ts";
import { group, type Keys, lua } from "../../keys.ts";

/** Maximum number of dead letters; the newest are kept. */
const deadLetterLimit = 1000;

/** How long dead letters are kept after the last one, in seconds. */
const deadLetterTtl = 7 * 24 * 3600;

const script = new Script(`
-- Moves entries that name no task from their streams to the list of dead letters. Sent twice, it moves them once.
-- KEYS[1]  the queue's prefix
-- ARGV     group; then for each entry: priority, id, reason
local prefix = KEYS[1]
local deadLetters = ${lua.deadLetters}
for i = 2, #ARGV, 3 do
  local stream = ${lua.stream("ARGV[i]")}
  if redis.pcall('XACK', stream, ARGV[1], ARGV[i + 1]) == 1 then
    redis.call('XDEL', stream, ARGV[i + 1])
    redis.pcall('LPUSH', deadLetters, ARGV[i] .. ' ' .. ARGV[i + 1] .. ' ' .. ARGV[i + 2])
  end
end
-- Only a list is limited: another key in this place is left as it is.
local trimmed = redis.pcall('LTRIM', deadLetters, 0, ${deadLetterLimit - 1})
if not trimmed.err then redis.call('EXPIRE', deadLetters, ${deadLetterTtl}) end
`);

/** Moves entries that name no task to the list of dead letters. */
export async function discard(redis: CommandSender, keys: Keys, entries: readonly BrokenEntry[]): Promise<void> {
  const args = entries.flatMap(({ priority, entryId, reason }) => [priority, entryId, reason]);
  await script.run(redis, [keys.prefix], [group, ...args]);
}
