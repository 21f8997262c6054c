import { lua } from "../../keys.ts";
/** What a mark of an end begins with where a task has failed with another one, whose id follows. */
export const failedWith = "0 :";

/**
 * Lua that tells how tasks stand that others are to depend on, for scripts that have `prefix`. The result of a task says
 * whether it has succeeded, and scripts read no records, so what the caller has read of it comes along as a verdict: `1`,
 * `0`, or nothing.
 */
export const standing: string = `
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

/** Why a task could not be stored with its dependencies as they are. */
export type Obstacle =
  /** There is a task of its id already. */
  | { readonly kind: "exists" | "done" }
  /** It cannot be: a dependency is unknown, or was to be piped into it and is not. */
  | { readonly kind: "unknown" | "unpiped"; readonly taskId: string }
  /** The store refuses it. */
  | { readonly kind: "refused"; readonly message: string }
  /** A dependency has failed, and what it fails with did not come along. */
  | { readonly kind: "failed"; readonly taskId: string }
  /** The results of dependencies have to be read. */
  | { readonly kind: "ended"; readonly taskIds: readonly string[] }
  /** It has to be stored anew: one before it in the same call was not, or somebody else has stored it meanwhile. */
  | { readonly kind: "later" | "changed" };

/** Reads how scripts say it. */
export function readObstacle([kind, ...details]: readonly string[]): Obstacle {
  const [detail = ""] = details;
  switch (kind) {
    case "unknown":
    case "unpiped":
    case "failed":
      return { kind, taskId: detail };
    case "ended":
      return { kind, taskIds: details };
    case "exists":
    case "done":
    case "later":
    case "changed":
      return { kind };
    default:
      return { kind: "refused", message: detail };
  }
}

/** What the caller has read of the results of dependencies, by id: whether each has succeeded. */
export type Verdicts = ReadonlyMap<string, boolean>;

/** A verdict as scripts take it. */
export function showVerdict(verdicts: Verdicts, id: string): string {
  const verdict = verdicts.get(id);
  return verdict === undefined ? "" : verdict ? "1" : "0";
}
