import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { ConsumerOptions } from "../../../contract/consumer.ts";
import { group, type Keys, lua } from "../../keys.ts";
import { endRunFunction } from "../lua/end_run.ts";
import { releasedConsumer, releasedIdleTime } from "./released.ts";

const script = new Script(`
-- Deletes a consumer, after releasing its pending entries: deleting a consumer deletes them from the group for good.
-- These are entries whose delivery was lost on the way, and those whose outcome could not be stored.
-- KEYS[1]  the queue's prefix
-- ARGV     group, consumer, idle timeout in ms, worker id, number of priorities, priorities; then ids of tasks that ran
--          but whose outcome could not be stored
local prefix, group, consumer = KEYS[1], ARGV[1], ARGV[2]
${endRunFunction}
local hasReleased, ran = false, {}
for i = 6 + ARGV[5], #ARGV do ran[ARGV[i]] = true end
for i = 6, 5 + ARGV[5] do
  local stream = ${lua.stream("ARGV[i]")}
  local pending = redis.call('XPENDING', stream, group, '-', '+', 1000, consumer)
  while #pending > 0 do
    for _, entry in ipairs(pending) do
      -- A lost delivery may have been started behind the blocking read, but it never ran.
      local _, fields = unpack(redis.call('XRANGE', stream, entry[1], entry[1])[1] or {})
      if fields and fields[1] == 'task_id' and not ran[fields[2]] then
        endRun(${lua.running}, fields[2], entry[1], entry[4], ARGV[i] .. ':' .. consumer)
      end
      redis.call('XCLAIM', stream, group, '${releasedConsumer}', 0, entry[1], 'IDLE', ${releasedIdleTime}, 'JUSTID')
    end
    hasReleased = true
    pending = redis.call('XPENDING', stream, group, '-', '+', 1000, consumer)
  end
  redis.call('XGROUP', 'DELCONSUMER', stream, group, consumer)
end
redis.call('DEL', ${lua.health("ARGV[4]")})
redis.call('ZREM', ${lua.workers}, ARGV[4])
redis.pcall('HDEL', ${lua.registeredNames}, consumer)
if hasReleased then redis.call('PUBLISH', ${lua.wake}, 'released') end
`);

/**
 * Releases the remaining leases of a consumer, and deletes it.
 *
 * @param ran Ids of tasks that ran but whose outcome could not be stored; their try is spent.
 */
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
