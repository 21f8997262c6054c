import { lua } from "../../keys.ts";
/** What a mark of an end begins with where a task has failed with another one, whose id follows. */
export const failedWith = "0 :";

/**
 * Lua that tells how tasks stand that others are to depend on, for scripts that have `prefix`. The result of a task says
 * whether it has succeeded, and scripts read no records, so what the caller has read of it comes along as a verdict: `1`,
 * `0`, or nothing.
 */
export const dependencyStateFunction: string = `
local standings = {}

-- kind: 'open', 'done', 'failed' with the task that is to blame as root, 'ended' where there is no verdict, or 'unknown'.
local function lookUp(id, verdict)
  if redis.call('EXISTS', ${lua.data("id")}) == 1 then return { kind = 'open' } end
  local mark = redis.pcall('GET', ${lua.ended("id")})
  if type(mark) == 'string' then
    if string.sub(mark, 1, 2) == '1 ' then return { kind = 'done' } end
    return { kind = 'failed', root = string.match(mark, '^${failedWith}(.*)$') or id }
  end
  if redis.call('EXISTS', ${lua.result("id")}) == 0 then return { kind = 'unknown' } end
  if verdict == '' then return { kind = 'ended' } end
  return verdict == '1' and { kind = 'done' } or { kind = 'failed', root = id }
end

local function standingOf(id, verdict)
  standings[id] = standings[id] or lookUp(id, verdict)
  return standings[id]
end
`;
