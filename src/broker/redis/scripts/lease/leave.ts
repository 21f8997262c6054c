import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { ConsumerOptions } from "../../../contract/consumer.ts";
import { group, type Keys, lua } from "../../keys.ts";
import { longIdle, nobody } from "./released.ts";
import { runNoteFunction } from "../lua/run_note.ts";

const script = new Script(`
-- Forgets a consumer. What it still has, entries whose delivery got lost on the way, is handed back first: deleting a
-- consumer deletes what it holds from the group for good.
-- KEYS[1]  the queue's prefix
-- ARGV     group, consumer, idle timeout in ms, worker id, number of priorities, priorities; then the ids of tasks that
--          have run, and whose end could not be stored
local prefix, group, consumer = KEYS[1], ARGV[1], ARGV[2]
${runNoteFunction}
local released, ran = false, {}
for i = 6 + ARGV[5], #ARGV do ran[ARGV[i]] = true end
for i = 6, 5 + ARGV[5] do
  local stream = ${lua.stream("ARGV[i]")}
  local held = redis.call('XPENDING', stream, group, '-', '+', 1000, consumer)
  while #held > 0 do
    for _, entry in ipairs(held) do
      -- It may have been started behind the read, but never ran.
      local _, fields = unpack(redis.call('XRANGE', stream, entry[1], entry[1])[1] or {})
      if fields and fields[1] == 'task_id' and not ran[fields[2]] then
        unmark(${lua.running}, fields[2], entry[1], entry[4], ARGV[i] .. ':' .. consumer)
      end
      redis.call('XCLAIM', stream, group, '${nobody}', 0, entry[1], 'IDLE', ${longIdle}, 'JUSTID')
    end
    released = true
    held = redis.call('XPENDING', stream, group, '-', '+', 1000, consumer)
  end
  redis.call('XGROUP', 'DELCONSUMER', stream, group, consumer)
end
redis.call('DEL', ${lua.health("ARGV[4]")})
redis.call('ZREM', ${lua.workers}, ARGV[4])
if released then redis.call('PUBLISH', ${lua.wake}, 'released') end
`);

/** Hands back whatever the consumer holds, and forgets it. */
export async function leave(
  redis: CommandSender,
  keys: Keys,
  { name, idleTimeout, priorities }: ConsumerOptions,
  workerId: string,
  ran: readonly string[],
): Promise<void> {
  const args = [group, name, idleTimeout, workerId, priorities.length, ...priorities, ...ran];
  await script.run(redis, [keys.prefix], args);
}
