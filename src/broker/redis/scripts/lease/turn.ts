import { Script } from "../../../../redis/mod.ts";
import type { Completion } from "../../../contract/completing.ts";
import type { ConsumerOptions } from "../../../contract/consumer.ts";
import type { Delivery } from "../../../contract/delivery.ts";
import type { Payload } from "../../../contract/payload.ts";
import type { Turn } from "../../../contract/turning.ts";
import type { CommandSender } from "../../command_sender.ts";
import { group, type Keys, lua } from "../../keys.ts";
import { completionArgs, readEnds } from "../end/completion_args.ts";
import { finishFunction } from "../lua/finish_tasks.ts";
import { startFunction } from "../lua/start_runs.ts";
import { type RawEntry, sortEntries } from "../reply/entries.ts";
import { readStarts, type StartReply } from "../reply/start_reply.ts";
import { textOf } from "../reply/text.ts";

const script = new Script(`
-- Finishes tasks, leases new ones and starts them: one turn of a busy worker. Sent twice, it returns the same about the
-- finished tasks, but leases again.
-- KEYS[1]  the queue's prefix
-- ARGV     group, consumer, maximum number of tasks to lease, size in bytes of the largest record to load, or '' for
--          any, number of priorities, priorities, highest first; then what finishTasks reads, see completionArgs
-- returns  numbers of the rows that do not count, see finishTasks; number of listed fan-outs; for each priority the
--          number of started entries; for each of these, in turn: entry, task id, enqueue time; entries that do not
--          look like ours, each with its priority before it, which were not started; then what was started, see
--          startRuns
local count, maxPayload = tonumber(ARGV[3]), tonumber(ARGV[4]) or math.huge
${finishFunction}
${startFunction}
local last = 5 + ARGV[5]
local refused, listed = finishTasks(last + 1)
local counts, rows, odd = {}, {}, {}

-- Leases and starts new entries of a stream.
local function lease(priority, stream)
  -- A key that is not a stream does not stop the other priorities. The next blocking read creates a missing group.
  local reply = redis.pcall('XREADGROUP', 'GROUP', group, consumer, 'COUNT', count, 'STREAMS', stream, '>')
  if not reply or reply.err then return 0 end
  local entries, ids = {}, {}
  for _, entry in ipairs(reply[1][2]) do
    local fields = entry[2]
    local isTask = #fields == 4 and fields[1] == 'task_id' and fields[2] ~= '' and fields[3] == 'enqueue_time'
    -- A safe integer; whether a longer number is one is left to the client.
    if isTask and #fields[4] < 16 and string.find(fields[4], '^%d+$') then
      entries[#entries + 1], ids[#ids + 1] = entry[1], fields[2]
      rows[#rows + 1], rows[#rows + 2], rows[#rows + 3] = entry[1], fields[2], fields[4]
    else
      odd[#odd + 1], odd[#odd + 2] = priority, entry
    end
  end
  count = count - #reply[1][2]
  if #entries > 0 then startRuns(priority, stream, entries, nil, ids) end
  return #entries
end

-- A leased task must be started, so nothing is leased while no run can be noted.
if count > 0 and not prepareStarts() then
  for i = 6, last do counts[i - 5] = count > 0 and lease(ARGV[i], ${lua.stream("ARGV[i]")}) or 0 end
end
return { refused, listed, counts, rows, odd, unpack(starts) }
`);

type TurnReply = [
  refused: number[],
  listed: number,
  counts: number[],
  rows: Payload[],
  odd: (Payload | RawEntry)[],
  ...starts: StartReply,
];

/** Outcome of the script. */
export interface TurnOutcome extends Turn {
  /** How many of the finished tasks have dependents that are still to be handled. */
  readonly listed: number;
}

/** Finishes tasks, leases up to `count` new ones and starts them, those of the highest priority first. */
export async function turn(
  redis: CommandSender,
  keys: Keys,
  { name, priorities, maxPayload, binary }: ConsumerOptions & { readonly binary: boolean },
  completions: readonly Completion[],
  count: number,
): Promise<TurnOutcome> {
  const highestFirst = priorities.toReversed();
  const args = [
    group,
    name,
    count,
    maxPayload ?? "",
    priorities.length,
    ...highestFirst,
    ...completionArgs(completions),
  ];
  const reply = await script.run<TurnReply>(redis, [keys.prefix], args, { binary });
  const [refused, listed, counts, rows, odd, ...starts] = reply;
  const found = { deliveries: startedDeliveries(highestFirst, counts, rows), broken: [] };
  const outcome = {
    ends: readEnds(completions, refused),
    listed,
    ...found,
    starts: readStarts(starts, rows.length / 3),
  };
  for (let i = 0; i < odd.length; i += 2) {
    sortEntries(found, textOf(odd[i] as Payload), [textOfEntry(odd[i + 1] as RawEntry)]);
  }
  return outcome;
}

function startedDeliveries(
  priorities: readonly string[],
  counts: readonly number[],
  rows: readonly Payload[],
): Delivery[] {
  const deliveries: Delivery[] = [];
  let i = 0;
  for (let n = 0; n < counts.length; n++) {
    const priority = priorities[n]!;
    for (const past = i + 3 * counts[n]!; i < past; i += 3) {
      deliveries.push({
        taskId: textOf(rows[i + 1]!),
        priority,
        entryId: textOf(rows[i]!),
        deliveries: 1,
        isQuarantined: false,
        enqueueTime: Number(textOf(rows[i + 2]!)),
      });
    }
  }
  return deliveries;
}

/** Where records are bytes, an entry comes as bytes too. */
function textOfEntry([entryId, fields]: RawEntry): RawEntry {
  return [textOf(entryId), fields.map(textOf)];
}
