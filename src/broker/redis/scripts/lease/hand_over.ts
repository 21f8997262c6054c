import { Script } from "../../../../redis/mod.ts";
import type { Misdelivery } from "../../../contract/completing.ts";
import type { CommandSender } from "../../command_sender.ts";
import { group, type Keys, lua } from "../../keys.ts";
import { endRunFunction } from "../lua/end_run.ts";
import { leaseFunctions } from "../lua/leases.ts";
import { leaseArgs } from "./lease_args.ts";
import { registeredFunction } from "./registered.ts";

const script = new Script(`
-- Hands deliveries over to consumers that have registered their task, in its version or a later one. The entry keeps
-- its place in the queue and its enqueue time, and the start is undone, at the cost of no try. The new holder finds the entry as one of
-- its own that it does not have in flight.
-- KEYS[1]  the queue's prefix
-- ARGV     group, consumer, 1 to take every worker for living, else 0; then rows of leases, each with: name, version
-- returns  for each row 1, or 0 if no other living worker has registered the task
${leaseFunctions}
${endRunFunction}
${registeredFunction}
-- When the server's clock is set forward, the records of all workers expire, that of this one too.
local self = string.match(consumer, '^(.*)%-%x+$')
local trustsAll = ARGV[3] == '1' or (self and redis.call('EXISTS', ${lua.health("self")}) == 0)
local registered = redis.pcall('HGETALL', ${lua.registeredNames})
-- The consumers that can take a task. A consumer is called after its worker, with 8 hex behind that.
local function findTakers(name, version)
  local takers = {}
  for n = 1, registered.err and 0 or #registered, 2 do
    local other, worker = registered[n], string.match(registered[n], '^(.*)%-%x+$')
    if other ~= consumer and worker and versionOf(registered[n + 1], name) >= version and
      (trustsAll or redis.call('EXISTS', ${lua.health("worker")}) == 1) then
      takers[#takers + 1] = other
    end
  end
  return takers
end
local takersOf = {}

local answers, pending, handed = {}, nil, 0
forEachLease(4, 5, function(stream, low, high)
  pending = pendingEntries(stream, low, high)
end, function(stream, i, priority)
  local entry, deliveries, id, name, version = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4]
  local answer = 1
  if pending[entry] == tonumber(deliveries) then
    local task = version .. ' ' .. name
    takersOf[task] = takersOf[task] or findTakers(name, tonumber(version))
    local takers = takersOf[task]
    if #takers == 0 then
      answer = 0
    else
      handed = handed + 1
      redis.call('XCLAIM', stream, group, takers[handed % #takers + 1], 0, entry, 'JUSTID')
      endRun(running, id, entry, deliveries, priority .. ':' .. consumer)
    end
  end
  answers[#answers + 1] = answer
end)
if handed > 0 then redis.pcall('PUBLISH', ${lua.wake}, 'released') end
return answers
`);

/**
 * Hands deliveries over to workers that have registered their task; `false` where no other living worker has.
 *
 * @param options.trustsAll Whether to take every worker for living that has registered a task.
 */
export async function handOver(
  redis: CommandSender,
  keys: Keys,
  consumer: string,
  misdeliveries: readonly Misdelivery[],
  { trustsAll }: { trustsAll: boolean },
): Promise<boolean[]> {
  const { args, indexes } = leaseArgs(misdeliveries, ({ delivery }) => delivery, (args, { fnName, version }) => {
    args.push(fnName, version);
  });
  const reply = await script.run<number[]>(redis, [keys.prefix], [group, consumer, trustsAll ? 1 : 0, ...args]);
  const answers = new Array<boolean>(misdeliveries.length);
  indexes.forEach((index, row) => answers[index] = reply[row] === 1);
  return answers;
}
