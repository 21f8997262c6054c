import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import { type Keys, lua } from "../../keys.ts";
import { dependencyFunctions } from "../lua/dependencies.ts";
import { serverTime } from "../lua/server_time.ts";

/** How many waiting tasks are looked at in one call, and how many of the dependencies of each. */
const mendLimits = { tasks: 100, dependencies: 3 };
/** How long storing the edges of a task may take, in milliseconds. */
const gatherPatience = 60_000;

const script = new Script(`
-- Sees to it that nothing waits in vain where data got lost: a task fails whose dependency, or whose edges, are gone.
-- KEYS[1]  the queue's prefix
-- ARGV     cursor of the tasks that wait
-- returns  the next cursor
local prefix = KEYS[1]
${serverTime}
${dependencyFunctions}
local data = ${lua.data("")}

-- Lists a task among the dependents of one that is not there, which counts as failed.
local function doom(id, dependency)
  redis.call('SADD', ${lua.fanOut("dependency")}, id)
  redis.call('HSET', fanOuts, dependency, '0 ' .. dependency)
end

local function look(id, note)
  local began = string.match(note, '^:(%d+) ')
  if began then
    -- Who stored its edges has gone away before it was stored itself.
    if now - began > ${gatherPatience} then stopWaiting(id) end
    return
  end
  if redis.call('EXISTS', data .. id) == 0 then
    stopWaiting(id)
    return
  end
  local set = dependencies .. id
  if redis.call('TYPE', set).ok ~= 'set' then
    -- Nothing tells any more what it waits for. In the place of that, the key does.
    redis.call('DEL', set)
    redis.call('SADD', set, set)
    doom(id, set)
    return
  end
  for _, dependency in ipairs(redis.call('SRANDMEMBER', set, ${mendLimits.dependencies})) do
    if redis.call('EXISTS', data .. dependency) == 0 and redis.call('HEXISTS', fanOuts, dependency) == 0 then
      doom(id, dependency)
    end
  end
end

local cursor, notes = unpack(redis.call('HSCAN', waiting, ARGV[1], 'COUNT', ${mendLimits.tasks}))
for n = 1, #notes, 2 do look(notes[n], notes[n + 1]) end
return cursor
`);

/** Sees to it that nothing waits in vain where data got lost, a part at a time; answers where to go on. */
export async function mend(redis: CommandSender, keys: Keys, cursor: string): Promise<string> {
  return await script.run<string>(redis, [keys.prefix], [cursor]);
}
