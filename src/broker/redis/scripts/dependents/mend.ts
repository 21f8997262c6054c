import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import { type Keys, lua } from "../../keys.ts";
import { dependencyFunctions } from "../lua/dependencies.ts";
import { serverTime } from "../lua/server_time.ts";
import { typeFunction } from "../lua/types.ts";

/** How many waiting tasks one call examines, and how many dependencies of each. */
const mendLimits = { tasks: 100, dependencies: 3 };

/** How long storing the dependencies of a task may take, in milliseconds. */
const gatherTimeout = 60_000;

const script = new Script(`
-- Fails tasks that wait in vain because data got lost: a dependency, or the set of dependencies.
-- KEYS[1]  the queue's prefix
-- ARGV     cursor of the waiting tasks
-- returns  the next cursor, or an error that names the key of the waiting tasks
local prefix = KEYS[1]
${serverTime}
${dependencyFunctions}
${typeFunction}
local data = ${lua.data("")}

-- Lists a task among the dependents of a missing one, which counts as failed.
local function failWith(id, dependency)
  local set = ${lua.fanOut("dependency")}
  if type(redis.pcall('SADD', set, id)) == 'table' then
    -- A key that is not a set names no dependents.
    redis.call('DEL', set)
    redis.call('SADD', set, id)
  end
  listOutcome(dependency, '0 ' .. dependency)
end

local function mend(id, value)
  local began = string.match(value, '^:(%d+) ')
  if began then
    -- The caller that stored its dependencies is gone, and has not stored the task itself.
    if now - began > ${gatherTimeout} then stopWaiting(id) end
    return
  end
  if redis.call('EXISTS', data .. id) == 0 then
    stopWaiting(id)
    return
  end
  local set = dependencies .. id
  if redis.call('TYPE', set).ok ~= 'set' then
    -- The dependencies of the task are lost. The key of their set takes the place of a missing dependency.
    redis.call('DEL', set)
    redis.call('SADD', set, set)
    failWith(id, set)
    return
  end
  for _, dependency in ipairs(redis.call('SRANDMEMBER', set, ${mendLimits.dependencies})) do
    if redis.call('EXISTS', data .. dependency) == 0 and redis.pcall('HEXISTS', fanOuts, dependency) ~= 1 then
      failWith(id, dependency)
    end
  end
end

local page = redis.pcall('HSCAN', waiting, ARGV[1], 'COUNT', ${mendLimits.tasks})
if page.err then return wrongType(waiting, 'hash') or page end
local cursor, values = unpack(page)
for n = 1, #values, 2 do mend(values[n], values[n + 1]) end
return cursor
`);

/** Fails a bounded number of tasks that wait in vain because data got lost; returns the cursor for the next call. */
export async function mend(redis: CommandSender, keys: Keys, cursor: string): Promise<string> {
  return await script.run<string>(redis, [keys.prefix], [cursor]);
}
