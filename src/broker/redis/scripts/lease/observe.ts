import { Script } from "../../../../redis/mod.ts";
import type { ConsumerOptions } from "../../../contract/consumer.ts";
import type { CommandSender } from "../../command_sender.ts";
import { group, type Keys, lua } from "../../keys.ts";
import { serverTime } from "../lua/server_time.ts";

const script = new Script(`
-- Lists the consumers that have pending entries, and when each was last active: its reads and renewals count.
-- KEYS[1]  the queue's prefix
-- ARGV     group, then priorities
-- returns  the largest idle timeout of a living worker in ms, or 0; then for each consumer of each stream: name, time of its
--          last activity, and how long ago that was, both in ms by the server's clock
local prefix = KEYS[1]
${serverTime}
local answer = { 0 }
local longest = redis.pcall('ZREVRANGE', ${lua.workers}, 0, 99, 'WITHSCORES')
for n = 1, #longest, 2 do
  if redis.call('EXISTS', ${lua.health("longest[n]")}) == 1 then
    answer[1] = tonumber(longest[n + 1])
    break
  end
end
for i = 2, #ARGV do
  -- Where the stream or the group is missing, the read that follows says so.
  local consumers = redis.pcall('XINFO', 'CONSUMERS', ${lua.stream("ARGV[i]")}, ARGV[1])
  for _, consumer in ipairs(consumers.err and {} or consumers) do
    local fields = {}
    for n = 1, #consumer, 2 do fields[consumer[n]] = consumer[n + 1] end
    if fields.pending > 0 then
      local n = #answer
      answer[n + 1], answer[n + 2], answer[n + 3] = fields.name, string.format('%.0f', now - fields.idle), fields.idle
    end
  end
end
return answer
`);

/** A consumer with pending entries in one stream. */
export interface ConsumerActivity {
  readonly name: string;
  /** Time of its last activity, in Unix milliseconds by the server's clock. */
  readonly activeTime: number;
  /** How long ago that was, in milliseconds by the server's clock. */
  readonly idle: number;
}

/** Lists the consumers that have pending entries; also the largest idle timeout of a living worker, 0 when there is none. */
export async function observe(
  redis: CommandSender,
  keys: Keys,
  { priorities }: Pick<ConsumerOptions, "priorities">,
): Promise<{ idleTimeout: number; consumers: ConsumerActivity[] }> {
  const [idleTimeout, ...fields] = await script.run<[number, ...(string | number)[]]>(
    redis,
    [keys.prefix],
    [group, ...priorities],
  );
  const consumers: ConsumerActivity[] = [];
  for (let i = 0; i < fields.length; i += 3) {
    consumers.push({ name: String(fields[i]), activeTime: Number(fields[i + 1]), idle: Number(fields[i + 2]) });
  }
  return { idleTimeout, consumers };
}
