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
-- ARGV     for each task: id, destination, record. The destination is a priority; for a delayed task followed by ':'
--          and the due time in ms, or by ':+' and ms from now
-- returns  for each task that was not stored, in turn: its place in the batch, counted from 0; 'exists', 'done' or an
--          error
local prefix = KEYS[1]
local data, result, ended = ${lua.data("")}, ${lua.result("")}, ${lua.ended("")}
${serverTime}

local keys = {}
for i = 1, #ARGV, 3 do
  local n, id = #keys, ARGV[i]
  keys[n + 1], keys[n + 2], keys[n + 3] = data .. id, result .. id, ended .. id
end
local allNew = redis.call('EXISTS', unpack(keys)) == 0

-- handled has the ids of tasks that are stored or skipped, and the places in ARGV of tasks that are not to be queued.
local answers, handled, records = {}, {}, {}
local function skip(i, answer)
  handled[i] = true
  answers[#answers + 1], answers[#answers + 2] = (i - 1) / 3, answer
end
for i = 1, #ARGV, 3 do
  local id = ARGV[i]
  if handled[id] or (not allNew and redis.call('EXISTS', data .. id) == 1) then
    skip(i, 'exists')
  elseif not allNew and redis.call('EXISTS', result .. id, ended .. id) > 0 then
    skip(i, 'done')
  else
    handled[id] = true
    records[#records + 1], records[#records + 2] = data .. id, ARGV[i + 2]
  end
end
if #records == 0 then return answers end

redis.call('MSET', unpack(records))
${delayFunctions}
for i = 1, #ARGV, 3 do
  if not handled[i] then
    local id, priority, due = ARGV[i], ARGV[i + 1], nil
    if string.find(priority, ':', 1, true) then priority, due = string.match(priority, '^([^:]*):(.*)$') end
    local err
    if due and timeOf(due) > now then
      err = delay(priority, id, due)
    else
      err = redis.pcall('XADD', ${lua.stream("priority")}, '*', 'task_id', id, 'enqueue_time', now).err
    end
    if err then
      redis.call('DEL', data .. id)
      skip(i, err)
    end
  end
end
notifyEarliest()
return answers
`);

/** Stores at most {@linkcode publishLimit} tasks without dependencies. */
export async function publish(
  redis: CommandSender,
  keys: Keys,
  tasks: readonly NewTask[],
  options?: Cancellable,
): Promise<Published[]> {
  const args: (string | Uint8Array)[] = [];
  for (const task of tasks) args.push(task.id, encodeDestination(task), task.data);
  const skipped = await script.run<(number | string)[]>(redis, [keys.prefix], args, options);
  const answers = new Array<Published>(tasks.length).fill("created");
  for (let i = 0; i < skipped.length; i += 2) {
    const answer = skipped[i + 1];
    answers[skipped[i] as number] = answer === "exists" || answer === "done" ? answer : new Error(String(answer));
  }
  return answers;
}
