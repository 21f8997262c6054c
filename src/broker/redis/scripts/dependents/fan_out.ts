import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { Payload } from "../../../contract/payload.ts";
import type { NewResult } from "../../../contract/result.ts";
import { type Keys, lua } from "../../keys.ts";
import { remembered, resultFunctions } from "../lua/results.ts";
import { failedWith } from "../lua/dependency_state.ts";
import { dependencyFunctions } from "../lua/dependencies.ts";
import { serverTime } from "../lua/server_time.ts";

/** How many dependents one call tells. */
const fanOutLimit = 250;
/** How many characters or bytes of records one call loads, unless a single one is larger. */
const loadLimit = 1024 * 1024;

/** A task that is to fail, because one has failed that it depends on. */
export interface Doomed {
  readonly taskId: string;
  /** What it waits for: the task that has failed, or another one that has failed with it. */
  readonly dependency: string;
  /** The task that has failed in the first place. */
  readonly failedId: string;
  readonly data: Payload;
}

/** A task that is to fail, with what. */
export interface DoomedEnd extends Pick<Doomed, "taskId" | "dependency">, NewResult {}

/** What one call has done, and what is to be done next. */
export interface FanOutReply {
  readonly released: number;
  readonly failed: number;
  /** How many sets of dependents are still to be worked off. */
  readonly listed: number;
  readonly doomed: readonly Doomed[];
}

const script = new Script(`
-- Tells dependents that tasks have ended which they waited for. Of one that has succeeded they are released, of one that
-- has failed they fail, with what the caller has made, and theirs after them. Whoever calls goes on where others stopped.
-- KEYS[1]  the queue's prefix
-- ARGV     how many at most; then for each that fails: dependency, id, ttl in ms or '' for ever, result
-- returns  how many were released, have failed, and tasks are listed; for each that is to fail: dependency, id, the task to
--          blame, record
local prefix, left = KEYS[1], tonumber(ARGV[1])
${serverTime}
${resultFunctions}
${dependencyFunctions}
local data, sets = ${lua.data("")}, ${lua.fanOut("")}
local released, failed, size, doomed = 0, 0, 0, {}

-- Ends a task that waits, unless somebody else has, or its record is gone.
local function fail(id, dependency, ttl, result)
  local root = string.match(redis.call('HGET', fanOuts, dependency) or '', '^0 (.*)$') or dependency
  local mark = '${failedWith}' .. root
  stopWaiting(id)
  if redis.call('DEL', data .. id) == 0 then return end
  redis.call('DEL', ${lua.tries("id")})
  store(id, ttl, result, mark)
  redis.call('SET', ${lua.ended("id")}, mark, 'PX', ${remembered})
  fanOut(id, '0 ' .. root)
  failed = failed + 1
end

-- Whether a task still waits for another. One whose edges are still being stored begins anew, and meets it as it is then.
local function isDoomed(id, dependency)
  if redis.pcall('SISMEMBER', dependencies .. id, dependency) ~= 1 then return false end
  local note = redis.pcall('HGET', waiting, id)
  if type(note) ~= 'string' then return false end
  if not string.find(note, ':', 1, true) and redis.call('EXISTS', data .. id) == 1 then return true end
  stopWaiting(id)
  return false
end

for i = 2, #ARGV, 4 do
  local dependency, id = ARGV[i], ARGV[i + 1]
  if redis.pcall('SREM', sets .. dependency, id) == 1 and isDoomed(id, dependency) then
    fail(id, dependency, ARGV[i + 2], ARGV[i + 3])
  end
end

local function tell(dependency, outcome)
  local set, ids = sets .. dependency, nil
  if outcome == '1' then
    ids = redis.pcall('SPOP', set, left)
    for _, id in ipairs(ids) do released = released + satisfy(id, dependency, now) end
    left = left - #ids
  else
    ids = redis.pcall('SRANDMEMBER', set, left)
    for _, id in ipairs(ids) do
      left = left - 1
      if not isDoomed(id, dependency) then
        redis.call('SREM', set, id)
      elseif size < ${loadLimit} then
        local record = redis.pcall('GET', data .. id)
        -- Whoever makes its end can read that as little as what is no text.
        if type(record) ~= 'string' then record = '' end
        size = size + #record
        for _, value in ipairs({ dependency, id, string.sub(outcome, 3), record }) do doomed[#doomed + 1] = value end
      end
    end
  end
  -- What is no set tells of nobody.
  if ids.err then redis.call('UNLINK', set) end
  if redis.call('EXISTS', set) == 0 then redis.call('HDEL', fanOuts, dependency) end
end

-- What is no hash lists nobody.
local page = redis.pcall('HSCAN', fanOuts, 0, 'COUNT', 100)
if page.err then return { 0, 0, 0 } end
local listed = page[2]
for n = 1, #listed, 2 do
  if left > 0 then tell(listed[n], listed[n + 1]) end
end
list()
return { released, failed, redis.call('HLEN', fanOuts), unpack(doomed) }
`);

/** Tells a bounded number of dependents; those that are to fail come back to be told with what. */
export async function fanOut(
  redis: CommandSender,
  keys: Keys,
  ends: readonly DoomedEnd[],
  { binary }: { binary: boolean },
): Promise<FanOutReply> {
  const args = ends.flatMap(({ dependency, taskId, ttl, result }) => [dependency, taskId, ttl ?? "", result]);
  const text = new TextDecoder();
  const show = (value: Payload) => typeof value === "string" ? value : text.decode(value);
  const [released, failed, listed, ...rows] = await script.run<[number, number, number, ...Payload[]]>(
    redis,
    [keys.prefix],
    [fanOutLimit, ...args],
    { binary },
  );
  const doomed: Doomed[] = [];
  for (let i = 0; i < rows.length; i += 4) {
    const [dependency, taskId, failedId] = rows.slice(i, i + 3).map(show) as [string, string, string];
    doomed.push({ dependency, taskId, failedId, data: rows[i + 3]! });
  }
  return { released, failed, listed, doomed };
}
