import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { Cancellable } from "../../../contract/cancellable.ts";
import type { NewTask, Published } from "../../../contract/task.ts";
import { type Keys, lua } from "../../keys.ts";
import { delayFunctions } from "../lua/delay.ts";
import { showDestination } from "./destination.ts";
import { serverTime } from "../lua/server_time.ts";

/** How many tasks one call stores: Lua unpacks at most 8,000 values, and a task takes three. */
export const publishLimit = 500;

const script = new Script(`
-- Stores tasks and puts them on their streams, or where they wait for their time. One that is there, or has ended, is left
-- as it is.
-- KEYS[1]  the queue's prefix
-- ARGV     for each task: id, where to, record. Where to is a priority; for a task that waits followed by : and when it is
--          due, in ms from now with a leading +, or as a time in ms
-- returns  the exceptions: place in the batch from 0, "exists" or "done" or an error; and so on
local prefix = KEYS[1]
local data, result, ended = ${lua.data("")}, ${lua.result("")}, ${lua.ended("")}
${serverTime}

local known = {}
for i = 1, #ARGV, 3 do
  local n, id = #known, ARGV[i]
  known[n + 1], known[n + 2], known[n + 3] = data .. id, result .. id, ended .. id
end
local fresh = redis.call('EXISTS', unpack(known)) == 0

-- seen: by id, what this batch is to store; by place in ARGV, what it is not to queue
local answers, seen, records = {}, {}, {}
local function except(i, answer)
  seen[i] = true
  answers[#answers + 1], answers[#answers + 2] = (i - 1) / 3, answer
end
for i = 1, #ARGV, 3 do
  local id = ARGV[i]
  if seen[id] or (not fresh and redis.call('EXISTS', data .. id) == 1) then
    except(i, 'exists')
  elseif not fresh and redis.call('EXISTS', result .. id, ended .. id) > 0 then
    except(i, 'done')
  else
    seen[id] = true
    records[#records + 1], records[#records + 2] = data .. id, ARGV[i + 2]
  end
end
if #records == 0 then return answers end

redis.call('MSET', unpack(records))
${delayFunctions}
for i = 1, #ARGV, 3 do
  if not seen[i] then
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
      except(i, err)
    end
  end
end
announce()
return answers
`);

/** Stores at most {@linkcode publishLimit} tasks. */
export async function publish(
  redis: CommandSender,
  keys: Keys,
  tasks: readonly NewTask[],
  options?: Cancellable,
): Promise<Published[]> {
  const args: (string | Uint8Array)[] = [];
  for (const task of tasks) args.push(task.id, showDestination(task), task.data);
  const exceptions = await script.run<(number | string)[]>(redis, [keys.prefix], args, options);
  const answers = new Array<Published>(tasks.length).fill("created");
  for (let i = 0; i < exceptions.length; i += 2) {
    const answer = exceptions[i + 1];
    answers[exceptions[i] as number] = answer === "exists" || answer === "done" ? answer : new Error(String(answer));
  }
  return answers;
}
