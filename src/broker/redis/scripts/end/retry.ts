import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { Deferral } from "../../../contract/completing.ts";
import { group, type Keys, lua } from "../../keys.ts";
import { showDue } from "../enqueue/destination.ts";
import { delayFunctions } from "../lua/delay.ts";
import { leaseArgs } from "../lease/lease_args.ts";
import { leaseFunctions } from "../lua/leases.ts";
import { serverTime } from "../lua/server_time.ts";

const script = new Script(`
-- Puts tasks back to be tried again later: the try is spent. Sent twice, it answers the same.
-- KEYS[1]  the queue's prefix
-- ARGV     group, consumer; then rows of leases, each with: its number of tries, and when it is due: in ms from now with a
--          leading +, or as a time in ms
-- returns  for each row 1, 0 when somebody else ended the task or holds it, or an error that concerns it alone
${leaseFunctions}
${serverTime}
-- A write that is allowed when memory is full lets the others pass.
redis.call('HDEL', running, '')

${delayFunctions}
local answers, held = {}, nil
deliveries(3, 5, function(stream, low, high)
  held = pending(stream, low, high)
end, function(stream, i, priority)
  local entry, id, tries, due = ARGV[i], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4]
  local retry = ${lua.tries("id")}
  local answer = 1
  if held[entry] ~= tonumber(ARGV[i + 1]) or redis.call('EXISTS', ${lua.data("id")}) == 0 then
    answer = redis.pcall('GET', retry) == tries and 1 or 0
  else
    local err = delay(priority, id, due)
    if err then
      answer = err
    else
      redis.call('XACK', stream, group, entry)
      redis.call('XDEL', stream, entry)
      redis.call('SET', retry, tries)
      redis.call('HDEL', running, id)
    end
  end
  answers[#answers + 1] = answer
end)
announce()
return answers
`);

/** Puts tasks back to be tried again; `false` where somebody else ended one, or holds it. */
export async function retry(
  redis: CommandSender,
  keys: Keys,
  consumer: string,
  deferrals: readonly Deferral[],
): Promise<(boolean | Error)[]> {
  const { args, places } = leaseArgs(deferrals, ({ delivery }) => delivery, (args, { tries, until }) => {
    args.push(tries, showDue(until));
  });
  const reply = await script.run<(number | string)[]>(redis, [keys.prefix], [group, consumer, ...args]);
  const answers = new Array<boolean | Error>(deferrals.length);
  places.forEach((place, row) => {
    const answer = reply[row]!;
    answers[place] = typeof answer === "string" ? new Error(answer) : answer === 1;
  });
  return answers;
}
