import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { Cancellable } from "../../../contract/cancellable.ts";
import { type Keys, lua } from "../../keys.ts";
import { dependencyStateFunction } from "../lua/dependency_state.ts";
import { type Obstacle, readObstacle } from "./obstacle.ts";
import { showVerdict, type Verdicts } from "./verdict.ts";
import { dependencyFunctions } from "../lua/dependencies.ts";
import { serverTime } from "../lua/server_time.ts";

const script = new Script(`
-- Stores dependencies of a task that has too many for one call, before the task itself is stored. Until then its note tells
-- whose they are; where the note is gone, one of them has failed meanwhile, or somebody else has begun.
-- KEYS[1]  the queue's prefix
-- ARGV     task id, token, 1 for the first call of the token or 0; then for each dependency: id and verdict
-- returns  nothing when they are stored, or what is in the way, with details: of those that have ended the results have to
--          be read, and the others are stored
local prefix, id, token = KEYS[1], ARGV[1], ARGV[2]
${serverTime}
${dependencyStateFunction}
${dependencyFunctions}
if redis.call('EXISTS', ${lua.data("id")}) == 1 then return { 'exists' } end
if redis.call('EXISTS', ${lua.result("id")}, ${lua.ended("id")}) > 0 then return { 'done' } end
local noted = string.match(redis.call('HGET', waiting, id) or '', '^:%d+ (.*)$')
if ARGV[3] == '0' and noted ~= token then return { 'changed' } end

local open, unread = {}, { 'ended' }
for i = 4, #ARGV, 2 do
  local dependency = ARGV[i]
  local found = standingOf(dependency, ARGV[i + 1])
  if found.kind == 'unknown' then
    if noted == token then stopWaiting(id) end
    return { 'unknown', dependency }
  end
  if found.kind == 'failed' then return { 'failed', found.root } end
  if found.kind == 'ended' then unread[#unread + 1] = dependency end
  if found.kind == 'open' then open[#open + 1] = dependency end
end
redis.call('HSET', waiting, id, ':' .. string.format('%.0f', now) .. ' ' .. token)
-- What an earlier task of this id has left, or somebody else has begun.
if noted ~= token then redis.call('UNLINK', dependencies .. id) end
for _, dependency in ipairs(open) do redis.call('SADD', dependents .. dependency, id) end
if #open > 0 then redis.call('SADD', dependencies .. id, unpack(open)) end
return #unread > 1 and unread or {}
`);

/** Stores dependencies of a task that is not stored yet; answers what was in the way. */
export async function gather(
  redis: CommandSender,
  keys: Keys,
  taskId: string,
  { token, isFirst, after }: { token: string; isFirst: boolean; after: readonly string[] },
  verdicts: Verdicts,
  options?: Cancellable,
): Promise<Obstacle | undefined> {
  const edges = after.flatMap((dependency) => [dependency, showVerdict(verdicts, dependency)]);
  const reply = await script.run<string[]>(redis, [keys.prefix], [taskId, token, isFirst ? 1 : 0, ...edges], options);
  return reply.length === 0 ? undefined : readObstacle(reply);
}
