import { Script } from "../../../../redis/mod.ts";
import type { CommandSender } from "../../command_sender.ts";
import { type Keys, lua } from "../../keys.ts";
import { keptFailureFunctions } from "../lua/kept_failures.ts";

const script = new Script(`
-- Drops kept failures.
-- KEYS[1]  the queue's prefix
-- ARGV     ids of tasks
-- returns  how many of them had a kept failure
local prefix, purged = KEYS[1], 0
${keptFailureFunctions}
for _, id in ipairs(ARGV) do
  purged = purged + dropFailure(id)
  redis.call('UNLINK', ${lua.failedWith("id")})
end
return purged
`);

/** Drops kept failures; returns how many there were. */
export async function purge(redis: CommandSender, keys: Keys, taskIds: readonly string[]): Promise<number> {
  return await script.run<number>(redis, [keys.prefix], taskIds);
}
