import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { Payload } from "../../../contract/payload.ts";
import type { NewFailure } from "../../../contract/result.ts";
import { type Keys, lua } from "../../keys.ts";
import { dependencyFunctions } from "../lua/dependencies.ts";
import { dependencyFailureCause } from "../lua/dependency_states.ts";
import { keptFailureFunctions } from "../lua/kept_failures.ts";
import { triesFunctions } from "../lua/tries.ts";
import { resultFunctions } from "../lua/results.ts";
import { serverTime } from "../lua/server_time.ts";
import { typeFunction } from "../lua/types.ts";
import { textOf } from "../reply/text.ts";

/** Maximum number of dependents that one call handles. */
const dependentLimit = 250;

/** How many edges to dependencies one call removes, before it leaves the other dependents to the next one. */
const edgeLimit = 2000;

/** How many characters or bytes of records one call loads, unless a single record is larger. */
const recordSizeLimit = 1024 * 1024;

/** A task that is to fail, because a dependency has failed. */
export interface FailingDependent {
  readonly taskId: string;
  /** The dependency: the task that failed first, or another one that failed with it. */
  readonly dependency: string;
  /** The task that failed first. */
  readonly failedId: string;
  readonly data: Payload;
}

/** The failure of a dependent, built by the caller. */
export interface DependentFailure extends Pick<FailingDependent, "taskId" | "dependency">, NewFailure {}

/** Outcome of one call, with the dependents that the next one is to fail. */
export interface FanOutReply {
  /** How many dependents were queued. */
  readonly released: number;
  /** How many dependents failed. */
  readonly failed: number;
  /** How many fan-outs are still listed. */
  readonly listed: number;
  /** The caller is to build the failures of these dependents, and to pass them to the next call. */
  readonly failing: readonly FailingDependent[];
}

const script = new Script(`
-- Handles listed dependents of finished tasks: releases those of a success, and fails those of a failure with the
-- results that the caller has built; their own dependents are listed in turn. Each call continues where any other one
-- stopped.
-- KEYS[1]  the queue's prefix
-- ARGV     maximum number of dependents; then for each failure: dependency, id, ttl in ms or '' for ever,
--          for how many ms it is kept or '', result
-- returns  number of released dependents, of failed dependents and of listed fan-outs; for each dependent that is to
--          fail: dependency, id, id of the task that failed first, record. Or an error that names the key of the
--          waiting tasks
local prefix, left = KEYS[1], tonumber(ARGV[1])
${serverTime}
${resultFunctions}
${dependencyFunctions}
${typeFunction}
${triesFunctions}
${keptFailureFunctions}
local data, sets = ${lua.data("")}, ${lua.fanOut("")}
local released, failed, size, failing = 0, 0, 0, {}
-- A key that is not a hash lists no fan-outs.
if type(redis.pcall('HLEN', fanOuts)) == 'table' then return { 0, 0, 0 } end
local broken = wrongType(waiting, 'hash')
if broken then return broken end

-- How many edges this call may still remove, and how many the next one may remove for the dependents that this one
-- returns.
local edgesLeft, nextEdges = ${edgeLimit}, 0

local function removeEdges(id)
  local _, removed = stopWaiting(id)
  edgesLeft = edgesLeft - removed
end

-- Fails a waiting task, unless it has finished meanwhile or its record is gone.
local function fail(id, dependency, ttl, keep, result)
  local root = string.match(redis.call('HGET', fanOuts, dependency) or '', '^0 (.*)$') or dependency
  local priority = redis.pcall('HGET', waiting, id)
  removeEdges(id)
  if redis.call('EXISTS', data .. id) == 0 then return end
  dropEarlierFailures({ id })
  -- It comes back together with the task that failed first, so that one must be there.
  if keep ~= '' and redis.call('EXISTS', ${lua.failure("root")}) == 1 then
    keepFailures(priority, { id }, { result }, tonumber(keep), root, dependency)
  end
  redis.call('DEL', data .. id)
  deleteTries({ id })
  storeResult(id, ttl, result, '0', '${dependencyFailureCause}' .. root, true, keep ~= '')
  listFanOut(id, '0 ' .. root)
  failed = failed + 1
end

-- Whether a task waits for a dependency. A task whose dependencies are still being stored stops waiting instead: its
-- caller begins anew, and then finds the dependency failed.
local function isWaitingFor(id, dependency)
  if redis.pcall('SISMEMBER', dependencies .. id, dependency) ~= 1 then return false end
  local value = redis.pcall('HGET', waiting, id)
  if type(value) ~= 'string' then return false end
  if not string.find(value, ':', 1, true) and redis.call('EXISTS', data .. id) == 1 then return true end
  removeEdges(id)
  return false
end

for i = 2, #ARGV, 5 do
  local dependency, id = ARGV[i], ARGV[i + 1]
  if edgesLeft > 0 and redis.pcall('SREM', sets .. dependency, id) == 1 and isWaitingFor(id, dependency) then
    fail(id, dependency, ARGV[i + 2], ARGV[i + 3], ARGV[i + 4])
  end
end

local function handleDependents(dependency, outcome)
  local set, ids = sets .. dependency, nil
  if outcome == '1' then
    ids = redis.pcall('SPOP', set, left)
    for _, id in ipairs(ids) do released = released + removeDependency(id, dependency, now) end
    left = left - #ids
  else
    ids = redis.pcall('SRANDMEMBER', set, left)
    for _, id in ipairs(ids) do
      left = left - 1
      -- Loading removes edges only of tasks whose dependencies are still being stored.
      if edgesLeft <= -${edgeLimit} then break end
      if not isWaitingFor(id, dependency) then
        redis.call('SREM', set, id)
      elseif size < ${recordSizeLimit} and nextEdges < ${edgeLimit} then
        nextEdges = nextEdges + redis.call('SCARD', dependencies .. id)
        local record = redis.pcall('GET', data .. id)
        -- The caller handles an empty record like any other that it cannot read.
        if type(record) ~= 'string' then record = '' end
        size = size + #record
        for _, value in ipairs({ dependency, id, string.sub(outcome, 3), record }) do failing[#failing + 1] = value end
      end
    end
  end
  -- A key that is not a set names no dependents.
  if ids.err then redis.call('UNLINK', set) end
  if redis.call('EXISTS', set) == 0 then
    redis.call('HDEL', fanOuts, dependency)
    -- The data of the dependency may have been lost, so that it never finishes.
    if redis.call('EXISTS', dependents .. dependency) == 0 then redis.pcall('SREM', depended, dependency) end
  end
end

local listed = redis.call('HSCAN', fanOuts, 0, 'COUNT', 100)[2]
for n = 1, #listed, 2 do
  if left > 0 then handleDependents(listed[n], listed[n + 1]) end
end
announceResults()
return { released, failed, redis.call('HLEN', fanOuts), unpack(failing) }
`);

/**
 * Handles a bounded number of listed dependents.
 *
 * @param failures The failures of dependents that an earlier call has returned.
 */
export async function fanOut(
  redis: CommandSender,
  keys: Keys,
  failures: readonly DependentFailure[],
  { binary }: { binary: boolean },
): Promise<FanOutReply> {
  const args = failures.flatMap(({ dependency, taskId, ttl, keep, result }) => {
    return [dependency, taskId, ttl ?? "", keep || "", result];
  });
  const [released, failed, listed, ...values] = await script.run<[number, number, number, ...Payload[]]>(
    redis,
    [keys.prefix],
    [dependentLimit, ...args],
    { binary },
  );
  const failing: FailingDependent[] = [];
  for (let i = 0; i < values.length; i += 4) {
    const [dependency, taskId, failedId] = values.slice(i, i + 3).map(textOf) as [string, string, string];
    failing.push({ dependency, taskId, failedId, data: values[i + 3]! });
  }
  return { released, failed, listed, failing };
}
