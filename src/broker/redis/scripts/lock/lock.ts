import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { Lock } from "../../../contract/locking.ts";
import type { Keys } from "../../keys.ts";
import { typeFunction } from "../lua/types.ts";

/** Length of the token that follows the task's id in a lock. */
const tokenLength = 32;

const takeScript = new Script(`
-- Takes the lock of a function for a run of a task, or takes it over from another run of the same task.
-- KEYS[1]  the lock
-- ARGV     task id, token of the run, ttl in ms
-- returns  '' if the lock was taken, or the id of the task that holds it; or an error that names the key
${typeFunction}
local broken = wrongType(KEYS[1], 'string')
if broken then return broken end
local id, own = ARGV[1], ARGV[1] .. ' ' .. ARGV[2]
local value = redis.call('GET', KEYS[1])
-- An id may contain spaces, so the token is recognised by its length.
local holder = value and string.sub(value, 1, -${tokenLength + 2})
if holder and holder ~= id and value ~= id then return holder == '' and value or holder end
-- When memory is full, a script may write if its first write is a command that is still allowed.
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[1], own, 'PX', ARGV[3])
return ''
`);

const extendSource = `
-- Extends locks that are still held by their run, and takes those that are free.
-- KEYS     locks
-- ARGV     ttl in ms; then for each lock: task id, token of the run
-- returns  the places, counted from 0, of the lost locks
local lost = {}
for i = 1, #KEYS do
  local own = ARGV[2 * i] .. ' ' .. ARGV[2 * i + 1]
  -- A key of another type is an error here, and counts as lost.
  local value = redis.pcall('GET', KEYS[i])
  if not value or value == own then
    redis.call('DEL', KEYS[i])
    redis.call('SET', KEYS[i], own, 'PX', ARGV[1])
  else
    lost[#lost + 1] = i - 1
  end
end
return lost
`;

const releaseScript = new Script(`
-- Releases a lock if the run still holds it.
-- KEYS[1]  the lock
-- ARGV     task id, token of the run
if redis.pcall('GET', KEYS[1]) == ARGV[1] .. ' ' .. ARGV[2] then redis.call('DEL', KEYS[1]) end
`);

/** Takes a lock; returns `null`, or the id of the task that holds it. */
export async function takeLock(redis: CommandSender, keys: Keys, lock: Lock, ms: number): Promise<string | null> {
  const holder = await takeScript.run<string>(redis, [keys.lock(lock.fnName)], [lock.taskId, lock.token, ms]);
  return holder === "" ? null : holder;
}

/** Extends locks; returns the lost ones. */
export async function extendLocks(
  redis: CommandSender,
  keys: Keys,
  locks: readonly Lock[],
  ms: number,
): Promise<Lock[]> {
  const args = locks.flatMap(({ taskId, token }) => [taskId, token]);
  const names = locks.map(({ fnName }) => keys.lock(fnName));
  // Never by its hash: if the server does not know the hash, a second round trip follows, and a lock that was released
  // between the two would be taken again.
  const command = ["EVAL", extendSource, names.length, ...names, ms, ...args] as const;
  const lost = await redis.command<number[]>([...command]);
  return lost.map((place) => locks[place]!);
}

/** Releases a lock if the run still holds it. */
export async function releaseLock(redis: CommandSender, keys: Keys, { fnName, taskId, token }: Lock): Promise<void> {
  await releaseScript.run(redis, [keys.lock(fnName)], [taskId, token]);
}
