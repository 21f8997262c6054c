import { randomId } from "../../../../base/id.ts";
import { Script } from "../../../../redis/mod.ts";
import type { CommandSender } from "../../command_sender.ts";
import { type Keys, lua } from "../../keys.ts";
import { keptFailureFunctions } from "../lua/kept_failures.ts";

/** For how long a call that was sent twice recognises its own work, in milliseconds. */
const purgedTtl = 60_000;

const script = new Script(`
-- Drops kept failures. Sent twice, it answers the same.
-- KEYS[1]  the queue's prefix
-- ARGV     token of this call; ids of tasks
-- returns  how many of them had a kept failure
local prefix, purged = KEYS[1], 0
local mark = ${lua.purged("ARGV[1]")}
local earlier = redis.pcall('GET', mark)
if type(earlier) == 'string' then return tonumber(earlier) end
${keptFailureFunctions}
for i = 2, #ARGV do
  local id = ARGV[i]
  purged = purged + dropFailure(id)
  redis.call('UNLINK', ${lua.failedWith("id")})
end
if purged > 0 then redis.call('SET', mark, purged, 'PX', ${purgedTtl}) end
return purged
`);

/**
 * Drops kept failures; returns how many there were.
 *
 * @param token Idempotency key: a repeated call is recognised by it.
 */
export async function purge(
  redis: CommandSender,
  keys: Keys,
  taskIds: readonly string[],
  token: string = randomId(),
): Promise<number> {
  return await script.run<number>(redis, [keys.prefix], [token, ...taskIds]);
}
