import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { Payload } from "../../../contract/payload.ts";
import type { Found, State } from "../../../contract/task.ts";
import { type Keys, lua } from "../../keys.ts";

// A script and no transaction: a server whose memory is full takes no commands between MULTI and EXEC.
const script = new Script(`
-- Where a task is in its life, and what is stored of it, at one moment.
-- KEYS[1]  the queue's prefix
-- ARGV     task id, how many dependencies and dependents to load with what is stored at most, or -1 for none of that;
--          priorities
-- returns  state; then, loaded: record, tries counted so far, due time or '', dependencies, dependents
local prefix, id = KEYS[1], ARGV[1]
if redis.call('EXISTS', ${lua.result("id")}, ${lua.ended("id")}) > 0 then return { 'done' } end
local data = ${lua.data("id")}
if redis.call('EXISTS', data) == 0 then return { 'missing' } end

local state, due = 'queued', ''
if redis.call('HEXISTS', ${lua.running}, id) == 1 then
  state = 'running'
elseif redis.pcall('HEXISTS', ${lua.waiting}, id) == 1 then
  state = 'scheduled'
else
  for i = 3, #ARGV do
    local score = redis.call('ZSCORE', ${lua.delayed("ARGV[i]")}, id)
    if score then state, due = 'scheduled', score end
  end
end
if ARGV[2] == '-1' then return { state } end

local function relatives(key)
  if ARGV[2] == '0' then return {} end
  return redis.call('SRANDMEMBER', key, ARGV[2])
end
local tries = redis.call('GET', ${lua.tries("id")}) or '0'
return { state, redis.call('GET', data), tries, due, relatives(${lua.dependencies("id")}), relatives(${
  lua.dependents("id")
}) }
`);

/** Where a task is in its life. */
export async function findState(
  redis: CommandSender,
  keys: Keys,
  priorities: readonly string[],
  taskId: string,
): Promise<State> {
  const [state] = await script.run<[State]>(redis, [keys.prefix], [taskId, -1, ...priorities]);
  return state;
}

/** What is stored of a task; `null` when it is unknown or has ended. */
export async function find(
  redis: CommandSender,
  keys: Keys,
  priorities: readonly string[],
  taskId: string,
  { binary, relatives }: { binary: boolean; relatives: number },
): Promise<Found | null> {
  const text = new TextDecoder();
  const show = (value: Payload) => typeof value === "string" ? value : text.decode(value);
  const reply = await script.run<[Payload, Payload, Payload, Payload, Payload[], Payload[]]>(
    redis,
    [keys.prefix],
    [taskId, relatives, ...priorities],
    { binary },
  );
  const state = show(reply[0]) as State;
  if (state === "missing" || state === "done") return null;
  const [, data, tries, due, dependencies, dependents] = reply;
  return {
    taskId,
    data,
    state,
    tries: Number(show(tries)) + (state === "running" ? 1 : 0),
    dueTime: due.length === 0 ? null : Number(show(due)),
    dependencies: dependencies.map(show),
    dependents: dependents.map(show),
  };
}
