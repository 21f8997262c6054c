import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { Cancellable } from "../../../contract/cancellable.ts";
import type { Cancellation } from "../../../contract/result.ts";
import { group, type Keys, lua } from "../../keys.ts";
import { dependencyFunctions } from "../lua/dependencies.ts";
import { keptFailureFunctions } from "../lua/kept_failures.ts";
import { triesFunctions } from "../lua/tries.ts";
import { resultFunctions } from "../lua/results.ts";
import { priorityFunction } from "../lua/priorities.ts";
import { typeFunction } from "../lua/types.ts";

const script = new Script(`
-- Aborts a task in any state: stores and publishes the result, deletes everything else about the task, lists its
-- dependents, and notifies the worker that runs it. Sent twice, it answers the same.
-- KEYS[1]  the queue's prefix
-- ARGV     group, task id, ttl in ms or '' for ever, result, completion mark, which is unique to this abort; then
--          priorities
-- returns  0 if the task had finished or is unknown, 1 if it was aborted, 2 if it also has dependents
local prefix, group, id, ttl, result, mark = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local running, dropped = ${lua.running}, ${lua.dropped}
${typeFunction}
${priorityFunction}
${resultFunctions}
${dependencyFunctions}
${triesFunctions}
${keptFailureFunctions}
-- Only the mark identifies an abort: two of them can have the same result.
if redis.pcall('GET', ${lua.ended("id")}) == completionMark('0', ttl, result, mark) then
  return redis.pcall('HEXISTS', fanOuts, id) == 1 and 2 or 1
end
if redis.call('EXISTS', ${lua.data("id")}) == 0 then return 0 end
local broken = wrongType(running, 'hash') or wrongType(waiting, 'hash') or wrongType(dropped, 'hash')
if broken then return broken end
local note = redis.call('HGET', running, id)
local entry, priority = string.match(note or '', '^(%S+) %S+ %S+ ([^:]*):')
local stream = entry and ${lua.stream("priority")}
broken = stream and wrongType(stream, 'stream')
if broken then return broken end

-- The first write is a command that is allowed when memory is full.
redis.call('DEL', ${lua.data("id")})
deleteTries({ id })
-- That of an earlier task with this id.
if redis.call('EXISTS', failures) == 1 then dropFailure(id) end
local removed = 0
if entry then
  removed = redis.call('XACK', stream, group, entry)
  redis.call('XDEL', stream, entry)
  redis.call('HDEL', running, id)
else
  removed = stopWaiting(id)
  for i = 6, #ARGV do
    local wasDelayed = redis.pcall('ZREM', ${lua.delayed("ARGV[i]")}, id)
    if wasDelayed == 1 then removed = 1 end
  end
end
-- The entry of a task that has not started is somewhere in a stream. It is dropped when a worker is about to start it.
if removed == 0 then
  redis.pcall('HINCRBY', dropped, id, 1)
  notePriorities(unpack(ARGV, 6))
end
storeResult(id, ttl, result, '0', mark, true)
announceResults()
redis.pcall('PUBLISH', ${lua.wake}, 'aborted ' .. id)
deleteInput(id)
return 1 + listFanOut(id, '0 ' .. id)
`);

/** Aborts a task in any state; returns whether it did, and whether the task has dependents, which are to fail. */
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
