import type { Promotion } from "../contract/scheduling.ts";
import type { Lane } from "./lane.ts";
import type { MemoryQueue } from "./memory_queue.ts";

/** Number of delayed tasks that one step promotes at most. */
const promoteLimit = 500;

/** Queues delayed tasks that are due, highest priority first, in the order of their due times. */
export function promote(queue: MemoryQueue, lanes: readonly Lane[]): Promotion {
  const now = queue.clock.now();
  let [promoted, next]: [number, number | null] = [0, null];
  for (const { delayed } of lanes) {
    for (let task = delayed.peek(); task; task = delayed.peek()) {
      if (task.dueTime > now || promoted === promoteLimit) {
        next = Math.min(next ?? Infinity, Math.max(0, task.dueTime - now));
        break;
      }
      // The task became ready when it was due, unless that is an invalid time or before 1970.
      queue.enqueue(task, task.dueTime >= 0 ? task.dueTime : now);
      promoted++;
    }
  }
  return { promoted, next, nextSchedule: queue.schedules.next(), pollIn: Infinity };
}
