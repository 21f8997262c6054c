import { type RedisClient, Script } from "../../redis/mod.ts";
import type { ConsumerOptions, SignOfLife } from "../broker.ts";
import { group, type Keys } from "../keys.ts";

const script = new Script(`
-- Notes that a worker lives that holds nothing; as little as can be, for it does so for as long as nothing happens.
-- KEYS[1]  the queue's prefix
-- ARGV     group, idle timeout in ms, worker id, what the worker says of itself; then priorities
-- returns  how many entries are in the hands of workers
redis.call('SET', KEYS[1] .. ':health:' .. ARGV[3], ARGV[4], 'PX', ARGV[2])
local pending = 0
for i = 5, #ARGV do
  pending = pending + redis.call('XPENDING', KEYS[1] .. ':queues:' .. ARGV[i], ARGV[1])[1]
end
return pending
`);

/** Notes that a worker lives that holds nothing; answers how many entries are in the hands of workers. */
export async function beat(
  redis: RedisClient,
  keys: Keys,
  { idleTimeout, priorities }: ConsumerOptions,
  { workerId, summary }: SignOfLife,
): Promise<number> {
  return await script.run<number>(redis, [keys.prefix], [group, idleTimeout, workerId, summary, ...priorities]);
}
