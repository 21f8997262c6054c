import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { Cancellable } from "../../../contract/cancellable.ts";
import type { NewTask, Published } from "../../../contract/task.ts";
import { type Keys, lua } from "../../keys.ts";
import { delayFunctions } from "../lua/delays.ts";
import { serverTime } from "../lua/server_time.ts";
import { encodeDestination } from "./destination.ts";

/** Maximum number of tasks in one call: Lua unpacks at most 8,000 values, and a task takes three. */
export const publishLimit = 500;

const script = new Script(`
-- Stores tasks, and queues or delays them. A task that exists or has finished is left as it is.
-- KEYS[1]  the queue's prefix
-- ARGV     1 if no other task can have one of the ids, or 0; for each group of successive tasks with the same
--          destination: destination, number of tasks, and id and record of each. The destination is a priority; for
--          delayed tasks followed by ':' and the due time in ms, or by ':+' and ms from now
-- returns  for each task that was not stored, in turn: its place in the batch, counted from 0; 'exists', 'done' or an
--          error
local prefix, areFresh = KEYS[1], ARGV[1] == '1'
local data, result, ended = ${lua.data("")}, ${lua.result("")}, ${lua.ended("")}
${serverTime}

-- Most calls have a single task, without a delay.
if #ARGV == 5 and not string.find(ARGV[2], ':', 1, true) then
  local priority, id, record = ARGV[2], ARGV[4], ARGV[5]
  if not areFresh and redis.call('EXISTS', data .. id, result .. id, ended .. id) > 0 then
    return { 0, redis.call('EXISTS', data .. id) == 1 and 'exists' or 'done' }
  end
  redis.call('SET', data .. id, record)
  local err = redis.pcall('XADD', ${lua.stream("priority")}, '*', 'task_id', id, 'enqueue_time', now).err
  if not err then return {} end
  redis.call('DEL', data .. id)
  return { 0, err }
end

-- Calls visit(i, destination, place) for each task, whose id is ARGV[i].
local function forEachTask(visit)
  local i, place = 2, 0
  while ARGV[i] do
    local destination, past = ARGV[i], i + 2 + 2 * ARGV[i + 1]
    for row = i + 2, past - 1, 2 do
      visit(row, destination, place)
      place = place + 1
    end
    i = past
  end
end

local allNew = areFresh
if not areFresh then
  local keys = {}
  forEachTask(function(i)
    local n, id = #keys, ARGV[i]
    keys[n + 1], keys[n + 2], keys[n + 3] = data .. id, result .. id, ended .. id
  end)
  allNew = redis.call('EXISTS', unpack(keys)) == 0
end

-- Returns 'exists' or 'done', or nil for the first task of this call that has a new id.
local seen = {}
local function findExisting(id)
  if seen[id] or (not allNew and redis.call('EXISTS', data .. id) == 1) then return 'exists' end
  if not allNew and redis.call('EXISTS', result .. id, ended .. id) > 0 then return 'done' end
  seen[id] = true
end

local answers, skipped, records, size = {}, {}, {}, 0
local function skip(i, place, answer)
  skipped[i] = true
  answers[#answers + 1], answers[#answers + 2] = place, answer
end
forEachTask(function(i, _, place)
  local id = ARGV[i]
  local existing = not areFresh and findExisting(id)
  if existing then return skip(i, place, existing) end
  records[size + 1], records[size + 2] = data .. id, ARGV[i + 1]
  size = size + 2
end)
if size == 0 then return answers end

redis.call('MSET', unpack(records))
${delayFunctions}
local enqueueTime = string.format('%.0f', now)
forEachTask(function(i, destination, place)
  if skipped[i] then return end
  local id, priority, due, err = ARGV[i], destination, nil, nil
  if string.find(priority, ':', 1, true) then priority, due = string.match(priority, '^([^:]*):(.*)$') end
  if due and timeOf(due) > now then
    err = delay(priority, id, due)
  else
    err = redis.pcall('XADD', ${lua.stream("priority")}, '*', 'task_id', id, 'enqueue_time', enqueueTime).err
  end
  if err then
    redis.call('DEL', data .. id)
    skip(i, place, err)
  end
end)
notifyEarliest()
return answers
`);

/**
 * Stores at most {@linkcode publishLimit} tasks without dependencies.
 *
 * @param options.isFirst Whether the call is made for the first time, so that none of these tasks can be stored already.
 */
export async function publish(
  redis: CommandSender,
  keys: Keys,
  tasks: readonly NewTask[],
  { isFirst = false, signal }: { isFirst?: boolean } & Cancellable = {},
): Promise<Published[]> {
  const areFresh = isFirst && tasks.every(({ isFresh }) => isFresh);
  const args = [areFresh ? 1 : 0, ...groupsOf(tasks)];
  const skipped = await script.run<(number | string)[]>(redis, [keys.prefix], args, { signal });
  const answers = new Array<Published>(tasks.length).fill("created");
  for (let i = 0; i < skipped.length; i += 2) {
    const answer = skipped[i + 1];
    answers[skipped[i] as number] = answer === "exists" || answer === "done" ? answer : new Error(String(answer));
  }
  return answers;
}

/** The tasks as arguments: grouped by destination, as most have the same. */
function groupsOf(tasks: readonly NewTask[]): (string | number | Uint8Array)[] {
  const args: (string | number | Uint8Array)[] = [];
  let [last, count, place]: [string | undefined, number, number] = [undefined, 0, 0];
  for (const task of tasks) {
    const destination = encodeDestination(task);
    if (destination !== last) {
      place = args.push(destination, 0) - 1;
      [last, count] = [destination, 0];
    }
    args[place] = ++count;
    args.push(task.id, task.data);
  }
  return args;
}
