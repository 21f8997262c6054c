import { Script } from "../../../../redis/mod.ts";
import type { Revival, Revived } from "../../../contract/failures.ts";
import type { CommandSender } from "../../command_sender.ts";
import { type Keys, lua } from "../../keys.ts";
import { encodeVerdict, type Verdicts } from "../enqueue/verdict.ts";
import { dependencyFunctions } from "../lua/dependencies.ts";
import { dependencyStateFunction } from "../lua/dependency_states.ts";
import { keptFailureFunctions } from "../lua/kept_failures.ts";
import { serverTime } from "../lua/server_time.ts";
import { typeFunction } from "../lua/types.ts";

const script = new Script(`
-- Queues failed tasks again, or lets them wait for the dependencies that are unfinished. Their failures are kept no longer.
-- KEYS[1]  the queue's prefix
-- ARGV     for each task, after those of this call on which it depends: id; when it failed, in ms; number of
--          dependencies; for each of these id and verdict
-- returns  for each task 'queued', 'exists', 'done', 'missing' or 'blocked', see Revived; an error; or the ids of finished
--          dependencies whose verdict is needed
local prefix = KEYS[1]
${serverTime}
${dependencyStateFunction}
${dependencyFunctions}
${keptFailureFunctions}
${typeFunction}
local data = ${lua.data("")}

-- Returns the dependencies that are unfinished, and those whose verdict is needed; or nil and one that has failed. Results
-- expire, so a dependency that is unknown has succeeded, unless it is the one because of which the task cannot run.
local function openDependencies(first, past, blocker)
  local open, unread = {}, {}
  for d = first, past - 1, 2 do
    local dependency = ARGV[d]
    -- Not cached: an earlier task of this call may be the dependency, which has failed before and is open now.
    local kind = lookUpState(dependency, ARGV[d + 1]).kind
    if kind == 'open' then
      open[#open + 1] = dependency
    elseif kind == 'failed' or (kind == 'unknown' and dependency == blocker) or
      redis.call('EXISTS', ${lua.failedRecord("dependency")}) == 1 then
      return nil, dependency
    elseif kind == 'unread' then
      unread[#unread + 1] = dependency
    end
  end
  return open, unread
end

-- Whether the task has finished otherwise since its failure was kept.
local function hasFinishedSince(id, failure)
  local result, mark = redis.pcall('GET', ${lua.result("id")}), redis.pcall('GET', ${lua.ended("id")})
  return (type(result) == 'string' and result ~= failure) or (type(mark) == 'string' and string.sub(mark, 1, 1) == '1')
end

-- Lets the dependents that are still to fail with a task wait for it instead.
local function recallDependents(id)
  -- Those of a success of an earlier task with this id are still released.
  local outcome = redis.call('HGET', fanOuts, id)
  if not outcome or outcome == '1' then return end
  redis.call('HDEL', fanOuts, id)
  if redis.call('EXISTS', ${lua.fanOut("id")}) == 0 then return end
  redis.call('RENAME', ${lua.fanOut("id")}, dependents .. id)
  redis.pcall('SADD', depended, id)
end

local function revive(id, time, first, past)
  if redis.call('EXISTS', data .. id) == 1 then return 'exists' end
  local record, input = ${lua.failedRecord("id")}, ${lua.failedInput("id")}
  local broken = wrongType(${lua.failure("id")}, 'string')
  if broken then return broken.err end
  local failure = readFailure(id)
  if not failure or redis.call('EXISTS', record) == 0 then
    dropFailure(id)
    return 'missing'
  end
  -- It has failed again since the caller looked, or since this call was sent for the first time.
  if redis.pcall('ZSCORE', failures, id) ~= time then return 'missing' end
  if hasFinishedSince(id, failure.result) then
    dropFailure(id)
    return 'done'
  end
  local priority, source = failure.priority, failure.source
  local open, obstacle = openDependencies(first, past, failure.blocker)
  if not open then
    -- If the failure of that dependency is kept, the task comes back with it now.
    if redis.call('EXISTS', ${lua.failedRecord("obstacle")}) == 1 then
      local blocked = failureOf(priority, failure.root, obstacle, source, failure.result)
      redis.pcall('SET', ${lua.failure("id")}, blocked, 'KEEPTTL')
      noteCompanion(obstacle, id, redis.call('PTTL', record))
    end
    return 'blocked'
  end
  if #obstacle > 0 then return obstacle end
  local stream = ${lua.stream("priority")}
  broken = wrongType(record, 'string') or wrongType(input, 'string') or wrongType(stream, 'stream') or
    wrongType(waiting, 'hash') or wrongType(inputs, 'hash') or wrongType(fanOuts, 'hash') or
    wrongType(${lua.fanOut("id")}, 'set')
  if broken then return broken.err end

  -- The first write is a command that is allowed when memory is full.
  redis.call('RENAME', record, data .. id)
  redis.call('PERSIST', data .. id)
  if source ~= '' and redis.call('EXISTS', input) == 1 then
    redis.call('RENAME', input, ${lua.output("source")})
    redis.call('PERSIST', ${lua.output("source")})
    redis.call('HSET', inputs, id, source)
  end
  dropFailure(id)
  redis.call('DEL', ${lua.result("id")}, ${lua.ended("id")}, ${lua.tries("id")}, ${
  lua.retried("id")
}, dependencies .. id)
  recallDependents(id)
  for _, dependency in ipairs(open) do
    addDependent(dependency, id)
    redis.call('SADD', dependencies .. id, dependency)
  end
  if #open > 0 then
    redis.call('HSET', waiting, id, priority)
  else
    redis.call('XADD', stream, '*', 'task_id', id, 'enqueue_time', string.format('%.0f', now))
  end
  return 'queued'
end

local answers, i = {}, 1
while ARGV[i] do
  local past = i + 3 + 2 * ARGV[i + 2]
  answers[#answers + 1] = revive(ARGV[i], ARGV[i + 1], i + 3, past)
  i = past
end
return answers
`);

/** Queues failed tasks again; returns the outcome for each, or the ids of dependencies whose verdict is needed. */
export async function revive(
  redis: CommandSender,
  keys: Keys,
  revivals: readonly Revival[],
  verdicts: Verdicts,
): Promise<(Revived | readonly string[])[]> {
  const args = revivals.flatMap(({ taskId, time, after }) => {
    const dependencies = after.flatMap((id) => [id, encodeVerdict(verdicts, id)]);
    return [taskId, time, after.length, ...dependencies];
  });
  const answers = await script.run<(string | string[])[]>(redis, [keys.prefix], args);
  return answers.map((answer) => typeof answer === "string" ? readAnswer(answer) : answer);
}

function readAnswer(answer: string): Revived {
  switch (answer) {
    case "queued":
    case "exists":
    case "done":
    case "missing":
    case "blocked":
      return answer;
    default:
      return new Error(answer);
  }
}
