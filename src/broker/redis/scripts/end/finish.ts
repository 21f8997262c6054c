import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { Completion } from "../../../contract/completing.ts";
import { group, type Keys, lua } from "../../keys.ts";
import { resultFunctions } from "../lua/results.ts";
import { leaseArgs } from "../lease/lease_args.ts";
import { leaseFunctions } from "../lua/leases.ts";
import { dependencyFunctions } from "../lua/dependencies.ts";
import { serverTime } from "../lua/server_time.ts";

/** How many dependents are told within one call that ends tasks. */
const atOnce = 500;

const script = new Script(`
-- Ends tasks: stores and publishes results, and removes all else that is known of them. Sent twice, it answers the same.
-- KEYS[1]  the queue's prefix
-- ARGV     group, consumer, how many are piped into others; for each: id, id of the other, its input; then rows of leases,
--          each with: 1 for a success or 0, ttl in ms or '' for ever, result
-- returns  for each row 1, or 0 when somebody else ended the task or holds it; how many have dependents still to be told
${leaseFunctions}
${resultFunctions}
${dependencyFunctions}
local ends, gone, spent, bounds, held = {}, {}, {}, nil, nil

local function holds(stream, entry, count)
  if not held then held = pending(stream, bounds[1], bounds[2]) end
  return held[entry] == tonumber(count)
end

-- Whether there are entries whose task was aborted before it was started: its end is not theirs to tell.
local aborts = redis.call('EXISTS', ${lua.dropped}) == 1
local acked = {}
local ok = {}
deliveries(4 + 3 * ARGV[3], 6, function(stream, low, high)
  bounds, held = { low, high }, nil
  acked[stream] = {}
end, function(stream, i)
  local entry, id, success, result = ARGV[i], ARGV[i + 2], ARGV[i + 3], ARGV[i + 5]
  local mark = success .. ' ' .. entry .. ' ' .. ARGV[i + 1] .. ' ' .. consumer
  local isOpen = not aborts or redis.call('EXISTS', ${lua.data("id")}) == 1 or
    redis.call('HEXISTS', ${lua.dropped}, id) == 0
  -- A success counts from whoever comes first, all else only from the holder of the lease. XACK says who comes first.
  local may = isOpen and (success == '1' or holds(stream, entry, ARGV[i + 1]))
  if may and redis.call('XACK', stream, group, entry) == 1 then
    acked[stream][#acked[stream] + 1] = entry
    gone[#gone + 1] = id
    ok[id] = success == '1'
    spent[#spent + 1], spent[#spent + 2] = ${lua.data("id")}, ${lua.tries("id")}
    store(id, ARGV[i + 4], result, mark)
    ends[#ends + 1] = 1
  else
    -- Sent twice it finds its own result, or its own mark where none is kept.
    ends[#ends + 1] = stored(id, result, mark) and 1 or 0
  end
end)

local listed, budget = 0, ${atOnce}

-- Stores what a task has made for another, if that one still waits for it.
local function pipe(id, other, input)
  if redis.pcall('SISMEMBER', dependencies .. other, id) ~= 1 or redis.pcall('HEXISTS', waiting, other) ~= 1 then return end
  -- Without a note it would be left behind.
  if type(redis.pcall('HSET', inputs, other, id)) == 'table' then return end
  redis.call('SET', ${lua.output("id")}, input)
end

-- Tells those that wait for a task; many are left to be worked off.
local function tell(id)
  local count = redis.pcall('SCARD', dependents .. id)
  if count == 0 then return end
  if not ok[id] or type(count) == 'table' or count > budget then
    listed = listed + fanOut(id, ok[id] and '1' or '0 ' .. id)
    return
  end
  budget = budget - count
  ${serverTime}
  local waiters = redis.call('SMEMBERS', dependents .. id)
  redis.call('DEL', dependents .. id)
  for _, waiter in ipairs(waiters) do satisfy(waiter, id, now) end
end

local function told()
  -- Most tasks have neither dependents nor an input, which one look at all of them shows.
  local links = { inputs }
  for n, id in ipairs(gone) do links[n + 1] = dependents .. id end
  if redis.call('EXISTS', unpack(links)) == 0 then return end
  for i = 4, 3 + 3 * ARGV[3], 3 do
    if ok[ARGV[i]] then pipe(ARGV[i], ARGV[i + 1], ARGV[i + 2]) end
  end
  for _, id in ipairs(gone) do
    forgetInput(id)
    tell(id)
  end
end

if #gone > 0 then
  for stream, entries in pairs(acked) do
    if #entries > 0 then redis.call('XDEL', stream, unpack(entries)) end
  end
  redis.call('DEL', unpack(spent))
  redis.pcall('HDEL', running, unpack(gone))
  list()
  told()
end
return { ends, listed }
`);

/** Ends tasks; `false` where somebody else ended one, or holds it. Also how many have dependents that are still to be told. */
export async function finish(
  redis: CommandSender,
  keys: Keys,
  consumer: string,
  endings: readonly Completion[],
): Promise<{ ends: boolean[]; listed: number }> {
  const { args, places } = leaseArgs(endings, ({ delivery }) => delivery, (args, { success, ttl, result }) => {
    args.push(success ? 1 : 0, ttl ?? "", result);
  });
  const outputs = endings.flatMap(({ delivery, output }) => output ? [delivery.taskId, output.next, output.input] : []);
  const [ends, listed] = await script.run<[number[], number]>(
    redis,
    [keys.prefix],
    [group, consumer, outputs.length / 3, ...outputs, ...args],
  );
  const answers = new Array<boolean>(endings.length);
  places.forEach((place, row) => answers[place] = ends[row] === 1);
  return { ends: answers, listed };
}
