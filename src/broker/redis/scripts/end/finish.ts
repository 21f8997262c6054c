import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { Completion } from "../../../contract/completing.ts";
import { group, type Keys, lua } from "../../keys.ts";
import { inItemOrder, leaseArgs } from "../lease/lease_args.ts";
import { dependencyFunctions } from "../lua/dependencies.ts";
import { leaseFunctions } from "../lua/leases.ts";
import { resultFunctions } from "../lua/results.ts";
import { serverTime } from "../lua/server_time.ts";

/** Maximum number of dependents that one call releases itself. */
const releaseLimit = 500;

const script = new Script(`
-- Finishes tasks: acknowledges and deletes their entries, stores and publishes results, stores piped output, deletes
-- everything else about the tasks, and releases or lists their dependents. Sent twice, it answers the same.
-- KEYS[1]  the queue's prefix
-- ARGV     group, consumer, number of outputs; for each output: id, id of the task that it is piped into, output; then
--          rows of leases, each with: 1 for a success or 0, ttl in ms or '' for ever, result
-- returns  for each row 1, or 0 if the task had already finished or another worker holds the lease; number of listed
--          fan-outs
${leaseFunctions}
${resultFunctions}
${dependencyFunctions}
local answers, listed, finished, obsolete, bounds, pending = {}, 0, {}, {}, nil, nil

local function holdsLease(stream, entry, deliveries)
  if not pending then
    -- Without a group the consumer has no leases. An error would leave what is already acknowledged half done.
    local hasGroup, entries = pcall(pendingEntries, stream, bounds[1], bounds[2])
    pending = hasGroup and entries or {}
  end
  return pending[entry] == tonumber(deliveries)
end

-- Whether entries exist whose task was aborted before it started: they must not finish it again.
local hasDropped = redis.call('EXISTS', ${lua.dropped}) == 1
local acknowledged = {}
local isSuccess = {}
forEachLease(4 + 3 * ARGV[3], 6, function(stream, low, high)
  bounds, pending = { low, high }, nil
  acknowledged[stream] = {}
end, function(stream, i)
  local entry, id, success, result = ARGV[i], ARGV[i + 2], ARGV[i + 3], ARGV[i + 5]
  local ttl, cause = ARGV[i + 4], entry .. ' ' .. ARGV[i + 1] .. ' ' .. consumer
  local isCurrent = not hasDropped or redis.call('EXISTS', ${lua.data("id")}) == 1 or
    redis.pcall('HEXISTS', ${lua.dropped}, id) ~= 1
  -- A success counts from whichever worker is first, a failure only from the holder of the lease. XACK decides who is
  -- first.
  local mayFinish = isCurrent and (success == '1' or holdsLease(stream, entry, ARGV[i + 1]))
  if mayFinish and redis.pcall('XACK', stream, group, entry) == 1 then
    acknowledged[stream][#acknowledged[stream] + 1] = entry
    finished[#finished + 1] = id
    isSuccess[id] = success == '1'
    obsolete[#obsolete + 1], obsolete[#obsolete + 2] = ${lua.data("id")}, ${lua.tries("id")}
    storeResult(id, ttl, result, success, cause)
    answers[#answers + 1] = 1
  else
    -- A script that is sent twice finds its own result, or its own mark if the result is not kept.
    local isOwn = isStored(id, ttl, result, success, cause)
    answers[#answers + 1] = isOwn and 1 or 0
    if isOwn and redis.pcall('HEXISTS', fanOuts, id) == 1 then listed = listed + 1 end
  end
end)

local releasesLeft, canRelease = ${releaseLimit}, true

-- Stores the output of a task for the next one of its pipeline, if that one still waits for it.
local function pipe(id, next, output)
  if redis.pcall('SISMEMBER', dependencies .. next, id) ~= 1 then return end
  if redis.pcall('HEXISTS', waiting, next) ~= 1 then return end
  -- Without this note the output would never be deleted.
  if type(redis.pcall('HSET', inputs, next, id)) == 'table' then return end
  redis.call('SET', ${lua.output("id")}, output)
end

-- Releases the dependents of a task, or lists them if they are too many or are to fail.
local function handleDependents(id)
  local count = redis.pcall('SCARD', dependents .. id)
  if count == 0 then return end
  if not canRelease or not isSuccess[id] or type(count) == 'table' or count > releasesLeft then
    listed = listed + listFanOut(id, isSuccess[id] and '1' or '0 ' .. id)
    return
  end
  releasesLeft = releasesLeft - count
  ${serverTime}
  local ids = redis.call('SMEMBERS', dependents .. id)
  redis.call('DEL', dependents .. id)
  for _, dependent in ipairs(ids) do removeDependency(dependent, id, now) end
end

local function handleLinks()
  -- Most tasks have neither dependents nor an input; one EXISTS shows that for all of them.
  local links = { inputs }
  for n, id in ipairs(finished) do links[n + 1] = dependents .. id end
  if redis.call('EXISTS', unpack(links)) == 0 then return end
  -- While this key has another type, dependents are only listed.
  canRelease = type(redis.pcall('HLEN', waiting)) ~= 'table'
  for i = 4, 3 + 3 * ARGV[3], 3 do
    if isSuccess[ARGV[i]] then pipe(ARGV[i], ARGV[i + 1], ARGV[i + 2]) end
  end
  for _, id in ipairs(finished) do
    deleteInput(id)
    handleDependents(id)
  end
end

if #finished > 0 then
  for stream, entries in pairs(acknowledged) do
    if #entries > 0 then redis.call('XDEL', stream, unpack(entries)) end
  end
  redis.call('DEL', unpack(obsolete))
  redis.pcall('HDEL', running, unpack(finished))
  listRecent()
  handleLinks()
end
return { answers, listed }
`);

/**
 * Finishes tasks.
 *
 * @returns For each whether its completion counts, and how many of the tasks have dependents that are still to be
 * handled.
 */
export async function finish(
  redis: CommandSender,
  keys: Keys,
  consumer: string,
  completions: readonly Completion[],
): Promise<{ ends: boolean[]; listed: number }> {
  const rows = leaseArgs(completions, ({ delivery }) => delivery, (args, { success, ttl, result }) => {
    args.push(success ? 1 : 0, ttl ?? "", result);
  });
  const outputs = completions.flatMap(({ delivery, output }) => {
    return output ? [delivery.taskId, output.next, output.input] : [];
  });
  const args = [group, consumer, outputs.length / 3, ...outputs, ...rows.args];
  const [answers, listed] = await script.run<[number[], number]>(redis, [keys.prefix], args);
  return { ends: inItemOrder(rows, answers.map((answer) => answer === 1)), listed };
}
