import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { Cancellable } from "../../../contract/cancellable.ts";
import type { NewFailure } from "../../../contract/result.ts";
import type { NewTask } from "../../../contract/task.ts";
import { type Keys, lua } from "../../keys.ts";
import { delayFunctions } from "../lua/delays.ts";
import { dependencyFunctions } from "../lua/dependencies.ts";
import { dependencyFailureCause, dependencyStateFunction } from "../lua/dependency_states.ts";
import { keptFailureFunctions } from "../lua/kept_failures.ts";
import { resultFunctions } from "../lua/results.ts";
import { serverTime } from "../lua/server_time.ts";
import { encodeDestination } from "./destination.ts";
import { type Obstacle, readObstacle } from "./obstacle.ts";
import { encodeVerdict, type Verdicts } from "./verdict.ts";

/** Maximum number of tasks in one call, unless they are a single pipeline. */
export const linkLimit = 250;

/** Maximum number of dependencies in one call; those of a task that has more are stored by several calls before it. */
export const edgeLimit = 1000;

/** A task to be stored with its dependencies. */
export interface LinkedTask {
  readonly task: NewTask;
  /** The dependencies that are stored by this call. */
  readonly after: readonly string[];
  /** Whether the only dependency is stored in the same call, and piped into this task. */
  readonly isPiped: boolean;
  /** The failure of this task, if a dependency has failed. */
  readonly failure: (NewFailure & { readonly failedId: string }) | undefined;
  /** The token of earlier calls that have stored other dependencies. */
  readonly token: string | undefined;
}

const script = new Script(`
-- Stores tasks with their dependencies: lets them wait, delays or queues them, and fails those with a failed
-- dependency. A dependency is stored already, or comes before the task in the same call.
-- KEYS[1]  the queue's prefix
-- ARGV     for each task: id; destination, as for publish; 1 if a task of this call is piped into it or 0; token of the
--          dependencies that are stored already or ''; record; ttl in ms, for how many ms it is kept or '', result and
--          failed task of its failure, '' if none is passed; number of dependencies; for each of these id and verdict
-- returns  for each task that was not stored: its place, counted from 0; the obstacle and its details
local prefix = KEYS[1]
${serverTime}
${delayFunctions}
${resultFunctions}
${dependencyStateFunction}
${dependencyFunctions}
local data, ended = ${lua.data("")}, ${lua.ended("")}
local answers, rows, place, i = {}, {}, 0, 1

local function findExisting(id, token)
  if redis.call('EXISTS', data .. id) == 1 then return 'exists' end
  if redis.call('EXISTS', ${lua.result("id")}, ended .. id) > 0 then return 'done' end
  if token == '' then return end
  local value = redis.pcall('HGET', waiting, id)
  if type(value) == 'table' then return 'refused', value.err end
  if string.match(value or '', '^:%d+ (.*)$') ~= token then return 'changed' end
end

-- States of the tasks of this call, as in dependencyState; a 'postponed' one was not stored.
local ownStates = {}
while ARGV[i] do
  local id, token, past = ARGV[i], ARGV[i + 3], i + 10 + 2 * ARGV[i + 9]
  local row = {
    place = place, id = id, destination = ARGV[i + 1], token = token, record = ARGV[i + 4],
    ttl = ARGV[i + 5], keep = ARGV[i + 6], failure = ARGV[i + 7], failedId = ARGV[i + 8], open = {}
  }
  local obstacle = ownStates[id] and { place, ownStates[id].kind == 'postponed' and 'postponed' or 'exists' }
  if not obstacle then
    local existing, err = findExisting(id, token)
    if existing then obstacle = { place, existing, err } end
    if existing == 'changed' then ownStates[id] = { kind = 'postponed' } end
  end
  if not obstacle then
    local unread, missing, isPostponed = { place, 'unread' }, nil, false
    for d = i + 10, past - 1, 2 do
      local dependency = ARGV[d]
      local state = ownStates[dependency] or dependencyState(dependency, ARGV[d + 1])
      if state.kind == 'unknown' then
        missing = missing or { place, 'unknown', dependency }
      elseif state.kind == 'failed' then
        if not row.root then row.root, row.blocker = state.root, dependency end
      elseif state.kind == 'unread' then
        unread[#unread + 1] = dependency
      elseif ARGV[i + 2] == '1' and not ownStates[dependency] then
        missing = missing or { place, 'unpiped', dependency }
      elseif state.kind == 'postponed' then
        isPostponed = true
      elseif state.kind == 'open' then
        row.open[#row.open + 1] = dependency
      end
    end
    if missing then
      obstacle = missing
    elseif row.root and row.failure ~= '' then
      -- The task that the failure names, even if another failed dependency is found first by now.
      row.root = row.failedId
      ownStates[id] = { kind = 'failed', root = row.root }
      rows[#rows + 1] = row
    elseif row.root then
      obstacle = { place, 'failed', row.root }
    elseif #unread > 2 then
      obstacle = unread
    elseif isPostponed then
      obstacle = { place, 'postponed' }
    else
      ownStates[id] = { kind = 'open' }
      rows[#rows + 1] = row
    end
    if obstacle and not missing then ownStates[id] = { kind = 'postponed' } end
  end
  answers[#answers + 1] = obstacle
  place, i = place + 1, past
end

local records = {}
for _, row in ipairs(rows) do
  if not row.root then records[#records + 1], records[#records + 2] = data .. row.id, row.record end
end
if #records > 0 then redis.call('MSET', unpack(records)) end

local function queue(id, destination)
  local priority, due = destination, nil
  if string.find(destination, ':', 1, true) then priority, due = string.match(destination, '^([^:]*):(.*)$') end
  if due and timeOf(due) > now then return delay(priority, id, due) end
  return redis.pcall('XADD', ${lua.stream("priority")}, '*', 'task_id', id, 'enqueue_time', now).err
end

-- Lets a task wait for its open dependencies, or queues it. Returns an error that concerns this task alone, or nil.
local function link(row)
  local set = dependencies .. row.id
  -- Dependencies of an earlier task with this id would keep it waiting.
  if row.token == '' then redis.call('UNLINK', set) end
  for _, dependency in ipairs(row.open) do
    local added = addDependent(dependency, row.id)
    if type(added) == 'table' then return added.err end
  end
  local count = #row.open > 0 and redis.pcall('SADD', set, unpack(row.open)) or redis.pcall('SCARD', set)
  if type(count) == 'table' then return count.err end
  if count > 0 or #row.open > 0 then
    local stored = redis.pcall('HSET', waiting, row.id, row.destination)
    return type(stored) == 'table' and stored.err or nil
  end
  redis.pcall('HDEL', waiting, row.id)
  return queue(row.id, row.destination)
end

local function fail(row)
  storeResult(row.id, row.ttl, row.failure, '0', '${dependencyFailureCause}' .. row.root, true, row.keep ~= '')
  stopWaiting(row.id)
  ${keptFailureFunctions}
  -- As in fan_out.
  dropEarlierFailures({ row.id })
  if row.keep == '' or redis.call('EXISTS', ${lua.failure("row.root")}) == 0 then return end
  local priority = string.match(row.destination, '^[^:]*')
  redis.call('SET', data .. row.id, row.record)
  keepFailures(priority, { row.id }, { row.failure }, tonumber(row.keep), row.root, row.blocker)
  redis.call('DEL', data .. row.id)
end

-- Errors by task id: a task is refused together with the one that is piped into it.
local refused = {}

local function refuse(row, err)
  refused[row.id] = err
  stopWaiting(row.id)
  redis.call('DEL', data .. row.id, dependencies .. row.id)
  for _, dependency in ipairs(row.open) do redis.pcall('SREM', dependents .. dependency, row.id) end
end

for _, row in ipairs(rows) do
  if row.root then
    fail(row)
  else
    local err
    for _, dependency in ipairs(row.open) do err = err or refused[dependency] end
    err = err or link(row)
    if err then
      refuse(row, err)
      answers[#answers + 1] = { row.place, 'refused', err }
    end
  end
end
announceResults()
notifyEarliest()
return answers
`);

/** Stores tasks with at most {@linkcode edgeLimit} dependencies in all; returns the obstacles, in order. */
export async function link(
  redis: CommandSender,
  keys: Keys,
  tasks: readonly LinkedTask[],
  verdicts: Verdicts,
  options?: Cancellable,
): Promise<(Obstacle | undefined)[]> {
  const args: (string | number | Uint8Array)[] = [];
  for (const { task, after, isPiped, failure, token } of tasks) {
    args.push(task.id, encodeDestination(task), isPiped ? 1 : 0, token ?? "", task.data);
    args.push(failure?.ttl ?? "", failure?.keep || "", failure?.result ?? "", failure?.failedId ?? "", after.length);
    for (const dependency of after) args.push(dependency, encodeVerdict(verdicts, dependency));
  }
  const obstacles = new Array<Obstacle | undefined>(tasks.length).fill(undefined);
  const replies = await script.run<[number, ...string[]][]>(redis, [keys.prefix], args, options);
  for (const [place, ...obstacle] of replies) obstacles[place] = readObstacle(obstacle);
  return obstacles;
}
