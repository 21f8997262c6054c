import type { WorkerStatus } from "../../../contract/membership.ts";

/**
 * The tasks of a worker as they are recorded: `:a:b:` for tasks of the first version, which is all that workers before
 * there were versions record and read; `:a:b:1 2` when one has a later version.
 */
export function showRegistered(versions: WorkerStatus["versions"]): string {
  const names = `:${[...versions.keys()].join(":")}:`;
  const numbers = [...versions.values()];
  return numbers.some((version) => version > 1) ? names + numbers.join(" ") : names;
}

/** A Lua function that reads what {@linkcode showRegistered} has written. */
export const registeredFunction: string = `
-- The version in which a worker has registered a task; 0 if it has not.
local function versionOf(registered, name)
  -- Two names side by side, with the colon between them, are no name.
  local at = not string.find(name, ':', 1, true) and string.find(registered, ':' .. name .. ':', 1, true)
  if not at then return 0 end
  local _, place = string.gsub(string.sub(registered, 1, at), ':', '')
  for version in string.gmatch(string.match(registered, '[^:]*$'), '%d+') do
    place = place - 1
    if place == 0 then return tonumber(version) end
  end
  return 1
end
`;
