import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { Cancellable } from "../../../contract/cancellable.ts";
import type { Cancellation } from "../../../contract/result.ts";
import { group, type Keys, lua } from "../../keys.ts";
import { remembered, resultFunctions } from "../lua/results.ts";
import { dependencyFunctions } from "../lua/dependencies.ts";

const script = new Script(`
-- Ends a task wherever it is: stores and publishes the result, removes all else that is known of it, and tells the worker
-- that runs it. Sent twice, it answers the same.
-- KEYS[1]  the queue's prefix
-- ARGV     group, task id, ttl in ms or '' for ever, result, mark of this very abort; then priorities
-- returns  1, or 0 when the task had ended or is unknown; 2 when it has dependents, who are still to be told
local prefix, group, id, result, mark = KEYS[1], ARGV[1], ARGV[2], ARGV[4], ARGV[5]
local running = ${lua.running}
${resultFunctions}
${dependencyFunctions}
-- The first write is one that is allowed when memory is full.
if redis.call('DEL', ${lua.data("id")}) == 0 then
  -- The mark alone tells whose abort it was: two of them can make the same result.
  return redis.call('GET', ${lua.ended("id")}) == mark and 1 or 0
end
redis.call('DEL', ${lua.tries("id")})

local note = redis.call('HGET', running, id)
local entry, priority = string.match(note or '', '^(%S+) %S+ %S+ ([^:]*):')
local found = 0
if entry then
  local stream = ${lua.stream("priority")}
  found = redis.call('XACK', stream, group, entry)
  redis.call('XDEL', stream, entry)
  redis.call('HDEL', running, id)
else
  found = stopWaiting(id)
  for i = 6, #ARGV do
    local removed = redis.pcall('ZREM', ${lua.delayed("ARGV[i]")}, id)
    if removed == 1 then found = 1 end
  end
end
-- An entry that nobody has started is somewhere in a stream, and is dropped when it comes to its start.
if found == 0 then redis.call('HINCRBY', ${lua.dropped}, id, 1) end
store(id, ARGV[3], result, mark)
redis.call('SET', ${lua.ended("id")}, mark, 'PX', ${remembered})
list()
redis.call('PUBLISH', ${lua.wake}, 'aborted ' .. id)
forgetInput(id)
return 1 + fanOut(id, '0 ' .. id)
`);

/** Ends a task wherever it is; tells whether it did, and whether it has dependents that are still to be told. */
export async function abort(
  redis: CommandSender,
  keys: Keys,
  priorities: readonly string[],
  { taskId, result, ttl, mark }: Cancellation,
  options?: Cancellable,
): Promise<{ aborted: boolean; listed: boolean }> {
  const args = [group, taskId, ttl ?? "", result, mark, ...priorities];
  const answer = await script.run<number>(redis, [keys.prefix], args, options);
  return { aborted: answer > 0, listed: answer === 2 };
}
