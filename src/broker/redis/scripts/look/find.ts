import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { Payload } from "../../../contract/payload.ts";
import type { Found, State } from "../../../contract/task.ts";
import { type Keys, lua } from "../../keys.ts";
import { textOf } from "../reply/text.ts";

// Not a transaction: when memory is full, Redis takes no commands between MULTI and EXEC.
const script = new Script(`
-- Looks up the state of a task and its stored data, both at the same moment.
-- KEYS[1]  the queue's prefix
-- ARGV     task id, maximum number of dependencies and of dependents to load, or -1 to load only the state; then
--          priorities
-- returns  state; then, if loaded: record, number of tries spent, due time or '', dependencies, dependents
local prefix, id = KEYS[1], ARGV[1]
if redis.call('EXISTS', ${lua.result("id")}, ${lua.ended("id")}) > 0 then return { 'done' } end
local data = ${lua.data("id")}
if redis.call('EXISTS', data) == 0 then return { 'missing' } end

local state, due = 'queued', ''
if redis.pcall('HEXISTS', ${lua.running}, id) == 1 then
  state = 'running'
elseif redis.pcall('HEXISTS', ${lua.waiting}, id) == 1 then
  state = 'scheduled'
else
  for i = 3, #ARGV do
    local score = redis.pcall('ZSCORE', ${lua.delayed("ARGV[i]")}, id)
    if type(score) == 'string' then state, due = 'scheduled', score end
  end
end
if ARGV[2] == '-1' then return { state } end

local function members(set)
  if ARGV[2] == '0' then return {} end
  local found = redis.pcall('SRANDMEMBER', set, ARGV[2])
  return found.err and {} or found
end
-- A key of another type holds no value; a record that is empty cannot be read.
local function text(key, default)
  local value = redis.pcall('GET', key)
  return type(value) == 'string' and value or default
end
local tries = text(${lua.tries("id")}, '0')
local record, dependencies = text(data, ''), members(${lua.dependencies("id")})
return { state, record, tries, due, dependencies, members(${lua.dependents("id")}) }
`);

/** Looks up the state of a task. */
export async function findState(
  redis: CommandSender,
  keys: Keys,
  priorities: readonly string[],
  taskId: string,
): Promise<State> {
  const [state] = await script.run<[State]>(redis, [keys.prefix], [taskId, -1, ...priorities]);
  return state;
}

/**
 * Looks up the stored data of a task; `null` when it is unknown or has finished.
 *
 * @param options.relatives Maximum number of dependencies, and of dependents, to load.
 */
export async function find(
  redis: CommandSender,
  keys: Keys,
  priorities: readonly string[],
  taskId: string,
  { binary, relatives }: { binary: boolean; relatives: number },
): Promise<Found | null> {
  const reply = await script.run<[Payload, Payload, Payload, Payload, Payload[], Payload[]]>(
    redis,
    [keys.prefix],
    [taskId, relatives, ...priorities],
    { binary },
  );
  const state = textOf(reply[0]) as State;
  if (state === "missing" || state === "done") return null;
  const [, data, tries, due, dependencies, dependents] = reply;
  return {
    taskId,
    data,
    state,
    tries: Number(textOf(tries)) + (state === "running" ? 1 : 0),
    dueTime: due.length === 0 ? null : Number(textOf(due)),
    dependencies: dependencies.map(textOf),
    dependents: dependents.map(textOf),
  };
}
