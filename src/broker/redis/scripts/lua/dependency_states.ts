import { lua } from "../../keys.ts";

/**
 * Beginning of the cause in the completion mark of a task that failed with a dependency; the id of the task that failed
 * first follows.
 */
export const dependencyFailureCause = ":";

/**
 * A Lua function that looks up the state of a dependency, for scripts that have `prefix`.
 *
 * Whether a finished task has succeeded is in its result, which scripts do not read. So the caller reads the result and
 * passes a verdict: `1` for a success, `0` for a failure, or nothing when it has not read the result.
 */
export const dependencyStateFunction: string = `
local states = {}

local function lookUpState(id, verdict)
  if redis.call('EXISTS', ${lua.data("id")}) == 1 then return { kind = 'open' } end
  local mark = redis.pcall('GET', ${lua.ended("id")})
  if type(mark) == 'string' then
    if string.sub(mark, 1, 2) == '1 ' then return { kind = 'done' } end
    return { kind = 'failed', root = string.match(mark, '^0 %S+ ${dependencyFailureCause}(.*)$') or id }
  end
  if redis.call('EXISTS', ${lua.result("id")}) == 0 then return { kind = 'unknown' } end
  if verdict == '' then return { kind = 'unread' } end
  return verdict == '1' and { kind = 'done' } or { kind = 'failed', root = id }
end

-- The state of a dependency, looked up once. Its kind is 'open', 'done', 'failed', 'unread' (finished, but no verdict
-- was passed) or 'unknown'. For a failed one, root is the task that failed first.
local function dependencyState(id, verdict)
  states[id] = states[id] or lookUpState(id, verdict)
  return states[id]
end
`;
