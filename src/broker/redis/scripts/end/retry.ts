import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { Deferral } from "../../../contract/completing.ts";
import { group, type Keys, lua } from "../../keys.ts";
import { encodeDue } from "../enqueue/destination.ts";
import { inItemOrder, leaseArgs } from "../lease/lease_args.ts";
import { triesFunctions } from "../lua/tries.ts";
import { delayFunctions } from "../lua/delays.ts";
import { leaseFunctions } from "../lua/leases.ts";
import { completionMarkTtl } from "../lua/results.ts";
import { serverTime } from "../lua/server_time.ts";
import { typeFunction } from "../lua/types.ts";

const script = new Script(`
-- Delays tasks until their next try: acknowledges and deletes their entries, and stores the number of tries spent. A
-- task with none is as if it had never run, and may expire. Sent twice, it answers the same.
-- KEYS[1]  the queue's prefix
-- ARGV     group, consumer; then rows of leases, each with: number of tries spent, and due time in ms, or '+' and ms
--          from now
-- returns  for each row 1, 0 if the task had already finished or another worker holds the lease, or an error that
--          concerns this task alone
${leaseFunctions}
${serverTime}
${typeFunction}
${delayFunctions}
${triesFunctions}
local rows, pending = {}, nil
forEachLease(3, 5, function(stream, low, high)
  pending = pendingEntries(stream, low, high)
end, function(stream, i, priority)
  local isHeld = pending[ARGV[i]] == tonumber(ARGV[i + 1])
  rows[#rows + 1] = { stream = stream, priority = priority, isHeld = isHeld, i = i }
end)
-- When memory is full, a script may write if its first write is a command that is still allowed.
local cleared = redis.pcall('HDEL', running, '')
if type(cleared) == 'table' then return wrongType(running, 'hash') or cleared end

local answers = {}
for n, row in ipairs(rows) do
  local entry, id, tries, due = ARGV[row.i], ARGV[row.i + 2], ARGV[row.i + 3], ARGV[row.i + 4]
  local retried, lease = ${lua.retried("id")}, entry .. ' ' .. ARGV[row.i + 1] .. ' ' .. consumer
  if not row.isHeld or redis.call('EXISTS', ${lua.data("id")}) == 0 then
    -- A script that is sent twice finds its own lease, even if the task was started again meanwhile.
    answers[n] = redis.pcall('GET', retried) == lease and 1 or 0
  else
    local err = delay(row.priority, id, due)
    answers[n] = err or 1
    if not err then
      redis.call('XACK', row.stream, group, entry)
      redis.call('XDEL', row.stream, entry)
      if tries == '0' then deleteTries({ id }) else storeTries(id, tries) end
      redis.call('SET', retried, lease, 'PX', ${completionMarkTtl})
      redis.call('HDEL', running, id)
    end
  end
end
notifyEarliest()
return answers
`);

/**
 * Delays tasks until their next try.
 *
 * @returns For each `true`, `false` if it had already finished or another worker holds the lease, or an error.
 */
export async function retry(
  redis: CommandSender,
  keys: Keys,
  consumer: string,
  deferrals: readonly Deferral[],
): Promise<(boolean | Error)[]> {
  const rows = leaseArgs(deferrals, ({ delivery }) => delivery, (args, { tries, until }) => {
    args.push(tries, encodeDue(until));
  });
  const reply = await script.run<(number | string)[]>(redis, [keys.prefix], [group, consumer, ...rows.args]);
  return inItemOrder(rows, reply.map((answer) => typeof answer === "string" ? new Error(answer) : answer === 1));
}
