import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { ConsumerOptions } from "../../../contract/consumer.ts";
import type { WorkerStatus } from "../../../contract/membership.ts";
import { group, type Keys, lua } from "../../keys.ts";

const script = new Script(`
-- Records that an idle worker is alive. It does as little as possible, because idle workers send it all the time.
-- KEYS[1]  the queue's prefix
-- ARGV     group, idle timeout in ms, worker id, summary, 1 if the summary is new or 0, 1 to count fan-outs or 0; then
--          priorities
-- returns  number of entries that are pending for any worker, or -1 if the worker was not recorded as alive; number of
--          listed fan-outs
local prefix = KEYS[1]
local health = ${lua.health("ARGV[3]")}
-- The first write is a command that is allowed when memory is full.
local wasAlive = redis.call('PEXPIRE', health, ARGV[2]) == 1
if ARGV[5] == '1' or not wasAlive then redis.call('SET', health, ARGV[4], 'PX', ARGV[2]) end
local pending = 0
for i = 7, #ARGV do
  local summary = redis.pcall('XPENDING', ${lua.stream("ARGV[i]")}, ARGV[1])
  -- Without its group nothing works; a stream of the wrong type does not stop the others.
  if summary.err and string.find(summary.err, 'NOGROUP', 1, true) then return summary end
  pending = pending + (summary[1] or 0)
end
return { wasAlive and pending or -1, ARGV[6] == '1' and redis.pcall('HLEN', ${lua.fanOuts}) or 0 }
`);

/**
 * Records that an idle worker is alive.
 *
 * @returns How many entries are pending, or -1 if the worker was not recorded as alive, and how many fan-outs are
 * listed.
 */
export async function heartbeat(
  redis: CommandSender,
  keys: Keys,
  { idleTimeout, priorities }: ConsumerOptions,
  { workerId, summary }: WorkerStatus,
  { isNewSummary, countsFanOuts }: { isNewSummary: boolean; countsFanOuts: boolean },
): Promise<[pending: number, listed: number]> {
  const args = [group, idleTimeout, workerId, summary, isNewSummary ? 1 : 0, countsFanOuts ? 1 : 0, ...priorities];
  return await script.run<[number, number]>(redis, [keys.prefix], args);
}
