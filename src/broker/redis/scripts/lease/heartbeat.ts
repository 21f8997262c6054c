import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { ConsumerOptions } from "../../../contract/consumer.ts";
import type { WorkerStatus } from "../../../contract/membership.ts";
import { group, type Keys, lua } from "../../keys.ts";

const script = new Script(`
-- Notes that a worker lives that holds nothing; as little as can be, for it does so for as long as nothing happens.
-- KEYS[1]  the queue's prefix
-- ARGV     group, idle timeout in ms, worker id, what the worker says of itself, 1 where that is new or 0, 1 to look for
--          dependents to be told or 0; then priorities
-- returns  how many entries are in the hands of workers, or -1 when it was not known any more that the worker lives; how
--          many tasks have ended whose dependents are still to be told
local prefix = KEYS[1]
local health = ${lua.health("ARGV[3]")}
-- The first write is one that is allowed when memory is full.
local isThere = redis.call('PEXPIRE', health, ARGV[2]) == 1
if ARGV[5] == '1' or not isThere then redis.call('SET', health, ARGV[4], 'PX', ARGV[2]) end
local pending = 0
for i = 7, #ARGV do
  pending = pending + redis.call('XPENDING', ${lua.stream("ARGV[i]")}, ARGV[1])[1]
end
return { isThere and pending or -1, ARGV[6] == '1' and redis.pcall('HLEN', ${lua.fanOuts}) or 0 }
`);

/**
 * Notes that a worker lives that holds nothing; answers how many entries are in the hands of workers, and how many tasks
 * have ended whose dependents are still to be told.
 */
export async function heartbeat(
  redis: CommandSender,
  keys: Keys,
  { idleTimeout, priorities }: ConsumerOptions,
  { workerId, summary }: WorkerStatus,
  { isNew, looks }: { isNew: boolean; looks: boolean },
): Promise<[pending: number, listed: number]> {
  const args = [group, idleTimeout, workerId, summary, isNew ? 1 : 0, looks ? 1 : 0, ...priorities];
  return await script.run<[number, number]>(redis, [keys.prefix], args);
}
