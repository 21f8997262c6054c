import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { Cancellable } from "../../../contract/cancellable.ts";
import { type Keys, lua } from "../../keys.ts";
import { dependencyFunctions } from "../lua/dependencies.ts";
import { dependencyStateFunction } from "../lua/dependency_states.ts";
import { serverTime } from "../lua/server_time.ts";
import { type Obstacle, readObstacle } from "./obstacle.ts";
import { encodeVerdict, type Verdicts } from "./verdict.ts";

const script = new Script(`
-- Stores dependencies of a task that has too many for one call, before the task itself is stored. Until then the value
-- of the task in :ts:waiting holds the caller's token. If that value is gone, a dependency has failed meanwhile; if it
-- holds another token, another caller has begun to store the same task.
-- KEYS[1]  the queue's prefix
-- ARGV     task id, token, 1 for the first call with this token or 0; then for each dependency: id, verdict
-- returns  nothing, or an obstacle and its details; for 'unread' the other dependencies are stored
local prefix, id, token = KEYS[1], ARGV[1], ARGV[2]
${serverTime}
${dependencyStateFunction}
${dependencyFunctions}
if redis.call('EXISTS', ${lua.data("id")}) == 1 then return { 'exists' } end
if redis.call('EXISTS', ${lua.result("id")}, ${lua.ended("id")}) > 0 then return { 'done' } end
local value = redis.pcall('HGET', waiting, id)
if type(value) == 'table' then return { 'refused', value.err } end
local storedToken = string.match(value or '', '^:%d+ (.*)$')
if ARGV[3] == '0' and storedToken ~= token then return { 'changed' } end

local open, unread = {}, { 'unread' }
for i = 4, #ARGV, 2 do
  local dependency = ARGV[i]
  local state = dependencyState(dependency, ARGV[i + 1])
  if state.kind == 'unknown' then
    if storedToken == token then stopWaiting(id) end
    return { 'unknown', dependency }
  end
  if state.kind == 'failed' then return { 'failed', state.root } end
  if state.kind == 'unread' then unread[#unread + 1] = dependency end
  if state.kind == 'open' then open[#open + 1] = dependency end
end
redis.call('HSET', waiting, id, ':' .. string.format('%.0f', now) .. ' ' .. token)
-- Dependencies of another caller, or of an earlier task with this id, do not count.
if storedToken ~= token then redis.call('UNLINK', dependencies .. id) end
if #open > 0 then
  local added = redis.pcall('SADD', dependencies .. id, unpack(open))
  for _, dependency in ipairs(open) do
    if type(added) ~= 'table' then added = addDependent(dependency, id) end
  end
  if type(added) == 'table' then
    stopWaiting(id)
    return { 'refused', added.err }
  end
end
return #unread > 1 and unread or {}
`);

/** Stores dependencies of a task that is not stored yet; returns the obstacle, if any. */
export async function gather(
  redis: CommandSender,
  keys: Keys,
  taskId: string,
  { token, isFirst, after }: { token: string; isFirst: boolean; after: readonly string[] },
  verdicts: Verdicts,
  options?: Cancellable,
): Promise<Obstacle | undefined> {
  const edges = after.flatMap((dependency) => [dependency, encodeVerdict(verdicts, dependency)]);
  const reply = await script.run<string[]>(redis, [keys.prefix], [taskId, token, isFirst ? 1 : 0, ...edges], options);
  return reply.length === 0 ? undefined : readObstacle(reply);
}
