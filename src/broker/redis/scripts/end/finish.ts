import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { Completion } from "../../../contract/completing.ts";
import { group, type Keys, lua } from "../../keys.ts";
import { finishFunction } from "../lua/finish_tasks.ts";
import { announcementFunctions, completionMarkTtl, tagLength } from "../lua/results.ts";
import { completionArgs, readEnds } from "./completion_args.ts";

const script = new Script(`
-- Finishes tasks. Sent twice, it answers the same.
-- KEYS[1]  the queue's prefix
-- ARGV     group, consumer; then what finishTasks reads, see completionArgs
-- returns  numbers of the rows that do not count: the task had already finished, or another worker holds the lease;
--          number of listed fan-outs
local prefix, group, consumer = KEYS[1], ARGV[1], ARGV[2]
${announcementFunctions}

-- Most calls finish a single task, which has succeeded and has no output. Returns nil for one that is not so plain.
local function finishOne(priority, ttl, entry, id, result)
  if (tonumber(ttl) or 0) < ${completionMarkTtl} then return end
  if redis.call('EXISTS', ${lua.dropped}, ${lua.tried}, ${lua.depended}, ${lua.inputs}) > 0 then return end
  -- A generated id is never used again, so it has no kept failure.
  if (#id ~= 32 or string.find(id, '%X')) and redis.call('EXISTS', ${lua.failures}) == 1 then return end
  local stream = ${lua.stream("priority")}
  if redis.pcall('XACK', stream, group, entry) ~= 1 then return end
  redis.call('SET', ${lua.result("id")}, result, 'PX', ttl)
  -- A hint, as in keepResult.
  redis.pcall('PUBLISH', ${lua.channel("id")}, result)
  redis.call('XDEL', stream, entry)
  redis.call('DEL', ${lua.data("id")})
  redis.pcall('HDEL', ${lua.running}, id)
  local name = redis.pcall('HGET', ${lua.producers}, string.sub(id, 1, ${tagLength}))
  if type(name) == 'string' then redis.pcall('PUBLISH', ${lua.replies("name")}, replyOf(id, result, '1 ')) end
  listRecent({ id }, tonumber(ttl))
  return { {}, 0 }
end
if #ARGV == 13 and ARGV[3] == '0' and ARGV[5] == '1' then
  local answer = finishOne(ARGV[4], ARGV[6], ARGV[10], ARGV[12], ARGV[13])
  if answer then return answer end
end

${finishFunction}
return { finishTasks(3) }
`);

/**
 * Finishes tasks.
 *
 * @returns For each whether its completion counts, and how many of the tasks have dependents that are still to be
 * handled.
 */
export async function finish(
  redis: CommandSender,
  keys: Keys,
  consumer: string,
  completions: readonly Completion[],
): Promise<{ ends: boolean[]; listed: number }> {
  const args = [group, consumer, ...completionArgs(completions)];
  const [refused, listed] = await script.run<[number[], number]>(redis, [keys.prefix], args);
  return { ends: readEnds(completions, refused), listed };
}
