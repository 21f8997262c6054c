import { lua } from "../../keys.ts";
import { dependencyFunctions } from "./dependencies.ts";
import { keptFailureFunctions } from "./kept_failures.ts";
import { leaseArguments, pendingFunction } from "./leases.ts";
import { resultFunctions } from "./results.ts";
import { serverTime } from "./server_time.ts";
import { triesFunctions } from "./tries.ts";

/** Maximum number of dependents that one call releases itself. */
const releaseLimit = 500;

/** The fewest entries of a stream for which trimming, which takes a look first, is cheaper than deleting. */
const trimmedFrom = 5;

/**
 * A Lua function that finishes tasks: it acknowledges and deletes their entries, stores and publishes results, stores
 * piped output, deletes everything else about the tasks, and releases or lists their dependents. Repeated, it returns the
 * same.
 *
 * Whatever acknowledges an entry deletes it in the same script. So an entry that is still in its stream right after
 * `XACK` was acknowledged by that very command, and the number that a variadic `XACK` answers shows whether all were.
 *
 * A script creates each of its functions anew whenever it runs, so what only rare tasks need is inside of the functions
 * that need it.
 */
export const finishFunction: string = `
${leaseArguments}
${resultFunctions}
local listed, finished, isSuccess = 0, {}, {}
local dropped, fanOuts = ${lua.dropped}, ${lua.fanOuts}
-- Whether there are entries whose task was aborted before it started, tasks with a number of tries, and tasks with
-- dependents or piped input.
local hasDropped, hasTries, hasLinks = false, false, false

-- Acknowledges the rows of successes; the first worker to finish a task counts. Returns nil if all rows count, else which
-- of them do.
local function acknowledgeAll(stream, entries, deliveries, ids)
  local count = redis.pcall('XACK', stream, group, unpack(entries))
  if count == #entries then return end
  local counts = {}
  if type(count) ~= 'number' or count == 0 then return counts end
  -- An entry was acknowledged just now, or would have been if it were still pending, if no other script has finished its
  -- task.
  for n, entry in ipairs(entries) do
    local found, note = redis.pcall('XRANGE', stream, entry, entry), redis.pcall('HGET', running, ids[n])
    local lease, owner = string.match(type(note) == 'string' and note or '', '^(%S+ %S+) %d+ [^:]*:(.*)$')
    local isOwn = lease == entry .. ' ' .. deliveries[n] and owner == consumer
    counts[n] = (not found.err and #found > 0) or isOwn
  end
  return counts
end

-- Acknowledges rows one by one: a failure counts only from the holder of the lease, and an entry whose task was aborted
-- before it started must not finish the task again.
local function acknowledgeEach(stream, entries, deliveries, ids, success, low, high)
  ${pendingFunction}
  local pending = {}
  if success == '0' then
    -- Without a group the consumer has no leases. An error would leave what is already acknowledged half done.
    local hasGroup, held = pcall(pendingEntries, stream, low, high)
    if hasGroup then pending = held end
  end
  local counts = {}
  for n, entry in ipairs(entries) do
    local id = ids[n]
    local isCurrent = not hasDropped or redis.call('EXISTS', ${lua.data("id")}) == 1 or
      redis.pcall('HEXISTS', dropped, id) ~= 1
    local mayFinish = isCurrent and (success == '1' or pending[entry] == tonumber(deliveries[n]))
    counts[n] = mayFinish and redis.pcall('XACK', stream, group, entry) == 1
  end
  return counts
end

-- Whether there may be kept failures of earlier tasks with the same ids. A generated id is never used again.
local function mayHaveFailures(ids)
  for _, id in ipairs(ids) do
    if #id ~= 32 or string.find(id, '%X') then return redis.call('EXISTS', ${lua.failures}) == 1 end
  end
end

-- Keeps failures for so many ms, unless keep is nil, in place of those of earlier tasks with the same ids. Of successes,
-- only the latter are dropped.
local function keepOrDropFailures(priority, ids, results, keep)
  if not keep and not mayHaveFailures(ids) then return end
  ${keptFailureFunctions}
  dropEarlierFailures(ids)
  if keep then keepFailures(priority, ids, results, keep, '', '') end
end

-- Handles the outputs, which begin at ARGV[first], and the dependents of the finished tasks.
local function handleLinks(first, past)
  ${dependencyFunctions}
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

  -- While this key has another type, dependents are only listed.
  canRelease = type(redis.pcall('HLEN', waiting)) ~= 'table'
  for i = first, past - 1, 3 do
    if isSuccess[ARGV[i]] then pipe(ARGV[i], ARGV[i + 1], ARGV[i + 2]) end
  end
  for _, id in ipairs(finished) do
    deleteInput(id)
    handleDependents(id)
  end
  redis.pcall('SREM', depended, unpack(finished))
end

-- Deletes acknowledged entries of a stream, the largest of which is high, if it is known.
local function deleteEntries(stream, entries, high)
  if high and #entries >= ${trimmedFrom} then
    -- Entries below the first pending one were delivered and acknowledged, and are dead. Trimming them is cheaper than
    -- deleting one by one, unless the first pending one is older than all of these.
    local first = redis.pcall('XPENDING', stream, group, '-', '+', 1)[1]
    -- The number may include dead entries of another client.
    local trimmed = type(first) == 'table' and redis.pcall('XTRIM', stream, 'MINID', first[1])
    if type(trimmed) == 'number' and trimmed >= #entries and #redis.call('XRANGE', stream, high, high) == 0 then return end
  end
  redis.call('XDEL', stream, unpack(entries))
end

-- Finishes the rows of a group, which begins at ARGV[i], and adds the numbers of those that do not count to refused.
-- Returns where the next group begins.
local function finishGroup(i, row, refused)
  local stream, success, ttl, low, high = ${lua.stream("ARGV[i]")}, ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4]
  local first, past = i + 6, i + 6 + 4 * ARGV[i + 5]
  local keep = tonumber(string.sub(success, 3))
  success = string.sub(success, 1, 1)
  local entries, deliveries, ids, n = {}, {}, {}, 0
  for j = first, past - 1, 4 do
    n = n + 1
    entries[n], deliveries[n], ids[n] = ARGV[j], ARGV[j + 1], ARGV[j + 2]
  end
  local counts
  if success == '1' and not hasDropped then
    counts = acknowledgeAll(stream, entries, deliveries, ids)
  else
    counts = acknowledgeEach(stream, entries, deliveries, ids, success, low, high)
  end
  local function causeOf(n) return entries[n] .. ' ' .. deliveries[n] .. ' ' .. consumer end
  local ended, acknowledged, isMarked, results = ids, entries, isBrief(ttl), {}
  if counts then ended, acknowledged = {}, {} end
  for n, id in ipairs(ids) do
    local result = ARGV[first + 4 * n - 1]
    if not counts or counts[n] then
      if counts then ended[#ended + 1], acknowledged[#acknowledged + 1] = id, entries[n] end
      keepResult(id, ttl, result, keep)
      results[#results + 1] = result
      if isMarked then markEnded(id, ttl, result, success, causeOf(n)) end
    elseif not isStored(id, ttl, result, success, causeOf(n)) then
      refused[#refused + 1] = row + n - 1
    elseif redis.pcall('HEXISTS', fanOuts, id) == 1 then
      -- A script that is sent twice finds its own result, or its own mark if the result is not kept.
      listed = listed + 1
    end
  end
  noteRecent(ended, ttl)
  for _, id in ipairs(ended) do
    finished[#finished + 1] = id
    isSuccess[id] = success == '1'
  end
  keepOrDropFailures(ARGV[i], ended, results, keep)
  if #acknowledged > 0 then deleteEntries(stream, acknowledged, not counts and high) end
  return past, row + n
end

-- Finishes the tasks whose arguments begin at ARGV[first]. Returns the numbers of the rows that do not count, and how
-- many fan-outs were listed.
local function finishTasks(first)
  local refused, row = {}, 0
  local outputs = first + 1
  local i = outputs + 3 * ARGV[first]
  local groups = i
  -- One command shows that there are none, as in most calls.
  local tried, depended, inputs = ${lua.tried}, ${lua.depended}, ${lua.inputs}
  if redis.call('EXISTS', dropped, tried, depended, inputs) > 0 then
    hasDropped, hasTries = redis.call('EXISTS', dropped) == 1, redis.call('EXISTS', tried) == 1
    hasLinks = redis.call('EXISTS', depended, inputs) > 0
  end
  while ARGV[i] do i, row = finishGroup(i, row, refused) end
  if #finished > 0 then
    local records = {}
    for n, id in ipairs(finished) do records[n] = ${lua.data("id")} end
    redis.call('DEL', unpack(records))
    if hasTries then
      ${triesFunctions}
      deleteTries(finished)
    end
    redis.pcall('HDEL', running, unpack(finished))
    announceResults()
    if hasLinks then handleLinks(outputs, groups) end
  end
  return refused, listed
end
`;
