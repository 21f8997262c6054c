import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { Deferral } from "../../../contract/completing.ts";
import { group, type Keys, lua } from "../../keys.ts";
import { encodeDue } from "../enqueue/destination.ts";
import { inItemOrder, leaseArgs } from "../lease/lease_args.ts";
import { delayFunctions } from "../lua/delays.ts";
import { leaseFunctions } from "../lua/leases.ts";
import { serverTime } from "../lua/server_time.ts";

const script = new Script(`
-- Delays tasks until their next try: acknowledges and deletes their entries, and stores the number of tries spent. Sent
-- twice, it answers the same.
-- KEYS[1]  the queue's prefix
-- ARGV     group, consumer; then rows of leases, each with: number of tries spent, and due time in ms, or '+' and ms
--          from now
-- returns  for each row 1, 0 if the task had already finished or another worker holds the lease, or an error that
--          concerns this task alone
${leaseFunctions}
${serverTime}
-- When memory is full, a script may write if its first write is a command that is still allowed.
redis.call('HDEL', running, '')

${delayFunctions}
local answers, pending = {}, nil
forEachLease(3, 5, function(stream, low, high)
  pending = pendingEntries(stream, low, high)
end, function(stream, i, priority)
  local entry, id, tries, due = ARGV[i], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4]
  local triesKey = ${lua.tries("id")}
  local answer = 1
  if pending[entry] ~= tonumber(ARGV[i + 1]) or redis.call('EXISTS', ${lua.data("id")}) == 0 then
    answer = redis.pcall('GET', triesKey) == tries and 1 or 0
  else
    local err = delay(priority, id, due)
    if err then
      answer = err
    else
      redis.call('XACK', stream, group, entry)
      redis.call('XDEL', stream, entry)
      redis.call('SET', triesKey, tries)
      redis.call('HDEL', running, id)
    end
  end
  answers[#answers + 1] = answer
end)
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
