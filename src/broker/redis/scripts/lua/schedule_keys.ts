import { lua } from "../../keys.ts";
import { typeFunction } from "./types.ts";

/** Lua names of the keys that hold the schedules of a queue, and a check of them, for scripts that have `prefix`. */
export const scheduleKeys: string = `
${typeFunction}
local expressions, times, notes = ${lua.scheduleExpressions}, ${lua.scheduleTimes}, ${lua.scheduleNotes}

-- Returns an error that names a key if the schedules of the queue cannot be read, or nil.
local function brokenSchedules()
  return wrongType(expressions, 'hash') or wrongType(times, 'zset') or wrongType(notes, 'hash')
end
`;
