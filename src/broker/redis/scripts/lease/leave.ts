import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { ConsumerOptions } from "../../../contract/consumer.ts";
import { group, type Keys, lua } from "../../keys.ts";
import { endRunFunction } from "../lua/end_run.ts";
import { releasedConsumer, releasedIdleTime } from "./released.ts";

/** How many entries one call releases. */
const entryLimit = 500;

/** Maximum number of calls. The leases of entries beyond them expire. */
const callLimit = 100;

const script = new Script(`
-- Deletes a consumer, after releasing its pending entries: deleting a consumer deletes them from the group for good.
-- These are entries whose delivery was lost on the way, and those whose outcome could not be stored. Sent again, it
-- continues where it stopped.
-- KEYS[1]  the queue's prefix
-- ARGV     group, consumer, maximum number of entries, worker id, number of priorities, priorities; then ids of tasks
--          that ran but whose outcome could not be stored
-- returns  1, or 0 if entries are left
local prefix, group, consumer, left = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])
${endRunFunction}
local hasReleased, isDone, ran = false, true, {}
for i = 6 + ARGV[5], #ARGV do ran[ARGV[i]] = true end
for i = 6, 5 + ARGV[5] do
  local stream = ${lua.stream("ARGV[i]")}
  -- A key that is not a stream, or a stream without a group, does not stop the other priorities.
  local pending = redis.pcall('XPENDING', stream, group, '-', '+', left + 1, consumer)
  for _, entry in ipairs(pending) do
    if left == 0 then
      isDone = false
      break
    end
    left = left - 1
    -- A lost delivery may have been started behind the blocking read, but it never ran.
    local _, fields = unpack(redis.call('XRANGE', stream, entry[1], entry[1])[1] or {})
    if fields and fields[1] == 'task_id' and not ran[fields[2]] then
      endRun(${lua.running}, fields[2], entry[1], entry[4], ARGV[i] .. ':' .. consumer)
    end
    if fields then
      redis.call('XCLAIM', stream, group, '${releasedConsumer}', 0, entry[1], 'IDLE', ${releasedIdleTime}, 'JUSTID')
      hasReleased = true
    else
      -- An entry that was deleted from its stream can only be acknowledged.
      redis.call('XACK', stream, group, entry[1])
    end
  end
  if isDone then redis.pcall('XGROUP', 'DELCONSUMER', stream, group, consumer) end
end
if isDone then
  redis.call('DEL', ${lua.health("ARGV[4]")})
  redis.pcall('ZREM', ${lua.workers}, ARGV[4])
  redis.pcall('HDEL', ${lua.registeredNames}, consumer)
end
if hasReleased then redis.pcall('PUBLISH', ${lua.wake}, 'released') end
return isDone and 1 or 0
`);

/**
 * Releases the remaining leases of a consumer, and deletes it.
 *
 * @param ran Ids of tasks that ran but whose outcome could not be stored; their try is spent.
 */
export async function leave(
  redis: CommandSender,
  keys: Keys,
  { name, priorities }: Pick<ConsumerOptions, "name" | "priorities">,
  workerId: string,
  ran: readonly string[],
): Promise<void> {
  const args = [group, name, entryLimit, workerId, priorities.length, ...priorities, ...ran];
  for (let call = 0; call < callLimit; call++) {
    if (await script.run<number>(redis, [keys.prefix], args) === 1) return;
  }
}
