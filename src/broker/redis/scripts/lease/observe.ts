import { Script } from "../../../../redis/mod.ts";
import type { ConsumerOptions } from "../../../contract/consumer.ts";
import type { CommandSender } from "../../command_sender.ts";
import { group, type Keys, lua } from "../../keys.ts";
import { serverTime } from "../lua/server_time.ts";

const script = new Script(`
-- Lists the consumers that have pending entries, and when each was last active: its reads and renewals count.
-- KEYS[1]  the queue's prefix
-- ARGV     group, then priorities
-- returns  the largest idle timeout of a living worker in ms, or 0; then for each consumer of each stream: name, time of
--          its last activity, and how long ago that was, 0 if it lies in the future, both in ms by the server's clock
local prefix = KEYS[1]
${serverTime}
local function fieldsOf(list)
  local fields = {}
  for n = 1, #list, 2 do fields[list[n]] = list[n + 1] end
  return fields
end

local answer = { 0 }
local longest = redis.pcall('ZREVRANGE', ${lua.workers}, 0, 99, 'WITHSCORES')
for n = 1, #longest, 2 do
  if redis.call('EXISTS', ${lua.health("longest[n]")}) == 1 then
    answer[1] = tonumber(longest[n + 1])
    break
  end
end
for i = 2, #ARGV do
  -- Only this command shows a time that lies in the future, after the server's clock was set back. Where the stream or
  -- the group is missing, the read that follows says so.
  local info = redis.pcall('XINFO', 'STREAM', ${lua.stream("ARGV[i]")}, 'FULL', 'COUNT', 1)
  for _, shown in ipairs(info.err and {} or fieldsOf(info).groups) do
    local found = fieldsOf(shown)
    for _, consumer in ipairs(found.name == ARGV[1] and found.consumers or {}) do
      local fields, n = fieldsOf(consumer), #answer
      local seen = fields['seen-time']
      if fields['pel-count'] > 0 then
        answer[n + 1], answer[n + 2], answer[n + 3] = fields.name, string.format('%.0f', seen), math.max(now - seen, 0)
      end
    end
  end
end
return answer
`);

/** A consumer with pending entries in one stream. */
export interface ConsumerActivity {
  readonly name: string;
  /** Time of its last activity, in Unix milliseconds by the server's clock; after that was set back, in the future. */
  readonly activeTime: number;
  /** How long ago that was, in milliseconds by the server's clock; 0 if it lies in the future. */
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
