import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { Cancellable } from "../../../contract/cancellable.ts";
import type { NewResult } from "../../../contract/result.ts";
import type { NewTask } from "../../../contract/task.ts";
import { type Keys, lua } from "../../keys.ts";
import { delayFunctions } from "../lua/delay.ts";
import { remembered, resultFunctions } from "../lua/results.ts";
import { dependencyStateFunction, failedWith } from "../lua/dependency_state.ts";
import { showDestination } from "./destination.ts";
import { type Obstacle, readObstacle } from "./obstacle.ts";
import { showVerdict, type Verdicts } from "./verdict.ts";
import { dependencyFunctions } from "../lua/dependencies.ts";
import { serverTime } from "../lua/server_time.ts";

/** How many tasks one call stores, unless they are a single pipeline. */
export const linkLimit = 250;
/** How many dependencies one call looks at; a task that has more is stored in several. */
export const edgeLimit = 1000;

/** A task to be stored with its dependencies. */
export interface Linked {
  readonly task: NewTask;
  /** Those that are looked at in this call. */
  readonly after: readonly string[];
  /** Whether the one dependency is stored in this call too, and piped into it. */
  readonly isPiped: boolean;
  /** What it ends with, if a dependency has failed. */
  readonly failure: (NewResult & { readonly failedId: string }) | undefined;
  /** Where other calls have stored the rest of its dependencies: what they have noted it with. */
  readonly token: string | undefined;
}

const script = new Script(`
-- Stores tasks, and lets them wait for those that they depend on, or for their time, or queues them. A task that depends on
-- one that has failed ends at once. Each depends on what is stored already or comes before it.
-- KEYS[1]  the queue's prefix
-- ARGV     for each task: id; where to, as for publish; 1 if it is piped into from a task of this call or 0; the token of
--          edges that are stored already or ''; record; ttl in ms, result and task to blame of a failure, '' where none is
--          known; number of dependencies; for each of them id and verdict
-- returns  for each that is not stored as it is: place from 0, what is in the way, details
local prefix = KEYS[1]
${serverTime}
${delayFunctions}
${resultFunctions}
${dependencyStateFunction}
${dependencyFunctions}
local data, ended = ${lua.data("")}, ${lua.ended("")}
local answers, rows, place, i = {}, {}, 0, 1

local function isKnown(id, token)
  if redis.call('EXISTS', data .. id) == 1 then return 'exists' end
  if redis.call('EXISTS', ${lua.result("id")}, ended .. id) > 0 then return 'done' end
  if token ~= '' and string.match(redis.call('HGET', waiting, id) or '', '^:%d+ (.*)$') ~= token then return 'changed' end
end

-- own: how the tasks of this call stand
local own = {}
while ARGV[i] do
  local id, token, past = ARGV[i], ARGV[i + 3], i + 9 + 2 * ARGV[i + 8]
  local row = { place = place, id = id, where = ARGV[i + 1], token = token, record = ARGV[i + 4], ttl = ARGV[i + 5],
    failure = ARGV[i + 6], blamed = ARGV[i + 7], open = {} }
  local answer = own[id] and { place, own[id].kind == 'later' and 'later' or 'exists' }
  if not answer then
    local known = isKnown(id, token)
    if known then answer = { place, known } end
    if known == 'changed' then own[id] = { kind = 'later' } end
  end
  if not answer then
    local unread, missing, isLater = { place, 'ended' }, nil, false
    for d = i + 9, past - 1, 2 do
      local dependency = ARGV[d]
      local found = own[dependency] or standingOf(dependency, ARGV[d + 1])
      if found.kind == 'unknown' then
        missing = missing or { place, 'unknown', dependency }
      elseif found.kind == 'failed' then
        row.root = row.root or found.root
      elseif found.kind == 'ended' then
        unread[#unread + 1] = dependency
      elseif ARGV[i + 2] == '1' and not own[dependency] then
        missing = missing or { place, 'unpiped', dependency }
      elseif found.kind == 'later' then
        isLater = true
      elseif found.kind == 'open' then
        row.open[#row.open + 1] = dependency
      end
    end
    if missing then
      answer = missing
    elseif row.root and row.failure ~= '' then
      -- The one that its result names: which one is found first may be another by now.
      row.root = row.blamed
      own[id] = { kind = 'failed', root = row.root }
      rows[#rows + 1] = row
    elseif row.root then
      answer = { place, 'failed', row.root }
    elseif #unread > 2 then
      answer = unread
    elseif isLater then
      answer = { place, 'later' }
    else
      own[id] = { kind = 'open' }
      rows[#rows + 1] = row
    end
    if answer and not missing then own[id] = { kind = 'later' } end
  end
  answers[#answers + 1] = answer
  place, i = place + 1, past
end

local records = {}
for _, row in ipairs(rows) do
  if not row.root then records[#records + 1], records[#records + 2] = data .. row.id, row.record end
end
if #records > 0 then redis.call('MSET', unpack(records)) end

local function queue(id, where)
  local priority, due = where, nil
  if string.find(where, ':', 1, true) then priority, due = string.match(where, '^([^:]*):(.*)$') end
  if due and timeOf(due) > now then return delay(priority, id, due) end
  return redis.pcall('XADD', ${lua.stream("priority")}, '*', 'task_id', id, 'enqueue_time', now).err
end

-- Lets a task wait for what is open, or queues it. Returns an error that concerns it alone.
local function link(row)
  local set = dependencies .. row.id
  -- What an earlier task of this id has left would keep it waiting.
  if row.token == '' then redis.call('UNLINK', set) end
  for _, dependency in ipairs(row.open) do
    local added = redis.pcall('SADD', dependents .. dependency, row.id)
    if type(added) == 'table' then return added.err end
  end
  if #row.open > 0 then redis.call('SADD', set, unpack(row.open)) end
  if redis.call('EXISTS', set) == 1 then
    local noted = redis.pcall('HSET', waiting, row.id, row.where)
    return type(noted) == 'table' and noted.err or nil
  end
  redis.pcall('HDEL', waiting, row.id)
  return queue(row.id, row.where)
end

local function fail(row)
  local mark = '${failedWith}' .. row.root
  store(row.id, row.ttl, row.failure, mark)
  redis.call('SET', ended .. row.id, mark, 'PX', ${remembered})
  stopWaiting(row.id)
end

-- Errors by task: what is piped from one that is refused is refused with it.
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
list()
announce()
return answers
`);

/** Stores tasks with at most {@linkcode edgeLimit} dependencies in all; answers what was in the way. */
export async function link(
  redis: CommandSender,
  keys: Keys,
  tasks: readonly Linked[],
  verdicts: Verdicts,
  options?: Cancellable,
): Promise<(Obstacle | undefined)[]> {
  const args: (string | number | Uint8Array)[] = [];
  for (const { task, after, isPiped, failure, token } of tasks) {
    args.push(
      task.id,
      showDestination(task),
      isPiped ? 1 : 0,
      token ?? "",
      task.data,
      failure?.ttl ?? "",
      failure?.result ?? "",
      failure?.failedId ?? "",
      after.length,
    );
    for (const dependency of after) args.push(dependency, showVerdict(verdicts, dependency));
  }
  const answers = new Array<Obstacle | undefined>(tasks.length).fill(undefined);
  const replies = await script.run<[number, ...string[]][]>(redis, [keys.prefix], args, options);
  for (const [place, ...obstacle] of replies) answers[place] = readObstacle(obstacle);
  return answers;
}
