import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { BrokenEntry } from "../../../contract/delivery.ts";
import { group, type Keys, lua } from "../../keys.ts";

/** How many lines the dead-letter list keeps, the newest ones. */
const deadLetters = 1000;

/** For how long, in seconds. */
const deadLettersKept = 7 * 24 * 3600;

const script = new Script(`
-- Takes entries that name no task out of their streams and notes each, once, in the dead-letter list.
-- KEYS[1]  the queue's prefix
-- ARGV     group; then for each entry: priority, id, what is wrong with it
local prefix = KEYS[1]
local dead = ${lua.deadLetters}
for i = 2, #ARGV, 3 do
  local stream = ${lua.stream("ARGV[i]")}
  if redis.call('XACK', stream, ARGV[1], ARGV[i + 1]) == 1 then
    redis.call('XDEL', stream, ARGV[i + 1])
    redis.pcall('LPUSH', dead, ARGV[i] .. ' ' .. ARGV[i + 1] .. ' ' .. ARGV[i + 2])
  end
end
redis.pcall('LTRIM', dead, 0, ${deadLetters - 1})
redis.call('EXPIRE', dead, ${deadLettersKept})
`);

/** Takes entries that name no task out of their streams. */
export async function discard(redis: CommandSender, keys: Keys, entries: readonly BrokenEntry[]): Promise<void> {
  const args = entries.flatMap(({ priority, entryId, reason }) => [priority, entryId, reason]);
  await script.run(redis, [keys.prefix], [group, ...args]);
}
