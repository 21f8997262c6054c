import type { CommandSender } from "../../command_sender.ts";
import { Script } from "../../../../redis/mod.ts";
import type { Lock } from "../../../contract/locking.ts";
import type { Keys } from "../../keys.ts";

/** How long the token is that follows the task's id in a lock. */
const tokenLength = 32;

const taking = new Script(`
-- Takes the lock of a function for a run of a task, or takes it over from another run of the same task.
-- KEYS[1]  the lock
-- ARGV     task id, token of the run, how long in ms
-- returns  '' when it is taken, or the id of the task that has it
local id, own = ARGV[1], ARGV[1] .. ' ' .. ARGV[2]
local value = redis.call('GET', KEYS[1])
-- The id may hold anything, so the token is known by its length.
local holder = value and string.sub(value, 1, -${tokenLength + 2})
if holder and holder ~= id and value ~= id then return holder == '' and value or holder end
-- A write that is allowed when memory is full lets the other pass.
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[1], own, 'PX', ARGV[3])
return ''
`);

const extending = `
-- Extends locks, as long as they are still those of their runs, and takes those again that are free.
-- KEYS     locks
-- ARGV     how long in ms; then for each lock: task id, token of the run
-- returns  the places, from 0 on, of the locks that are lost
local lost = {}
for i = 1, #KEYS do
  local own = ARGV[2 * i] .. ' ' .. ARGV[2 * i + 1]
  local value = redis.call('GET', KEYS[i])
  if not value or value == own then
    redis.call('DEL', KEYS[i])
    redis.call('SET', KEYS[i], own, 'PX', ARGV[1])
  else
    lost[#lost + 1] = i - 1
  end
end
return lost
`;

const releasing = new Script(`
-- Releases a lock, if it is still that of the run.
-- KEYS[1]  the lock
-- ARGV     task id, token of the run
if redis.call('GET', KEYS[1]) == ARGV[1] .. ' ' .. ARGV[2] then redis.call('DEL', KEYS[1]) end
`);

/** Takes a lock; answers who has it, `null` when it was taken. */
export async function takeLock(redis: CommandSender, keys: Keys, lock: Lock, ms: number): Promise<string | null> {
  const holder = await taking.run<string>(redis, [keys.lock(lock.fnName)], [lock.taskId, lock.token, ms]);
  return holder === "" ? null : holder;
}

/** Extends locks; answers those that are lost. */
export async function extendLocks(
  redis: CommandSender,
  keys: Keys,
  locks: readonly Lock[],
  ms: number,
): Promise<Lock[]> {
  const args = locks.flatMap(({ taskId, token }) => [taskId, token]);
  const names = locks.map(({ fnName }) => keys.lock(fnName));
  // In full: with a second round trip, where the script is not known, a release could come between, and a lock that was
  // released be taken again.
  const command = ["EVAL", extending, names.length, ...names, ms, ...args] as const;
  const lost = await redis.command<number[]>([...command]);
  return lost.map((place) => locks[place]!);
}

/** Releases a lock. */
export async function releaseLock(redis: CommandSender, keys: Keys, { fnName, taskId, token }: Lock): Promise<void> {
  await releasing.run(redis, [keys.lock(fnName)], [taskId, token]);
}
