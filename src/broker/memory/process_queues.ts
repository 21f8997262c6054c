import type { Clock } from "../../base/clock.ts";
import { MemoryQueue } from "./memory_queue.ts";

/**
 * All queues in memory. Each clock has its own: queues whose time differs share nothing. A queue lives as long as its
 * clock, even when no worker or broker uses it.
 */
const queues = new WeakMap<Clock, Map<string, MemoryQueue>>();

/** Returns the queue of a name at a URL, the same one for every caller with the same clock; creates it if needed. */
export function queueAt(clock: Clock, url: string, queueName: string): MemoryQueue {
  let named = queues.get(clock);
  if (!named) queues.set(clock, named = new Map());
  // A URL contains no line break, so keys are unambiguous.
  const key = `${url}\n${queueName}`;
  let queue = named.get(key);
  if (!queue) named.set(key, queue = new MemoryQueue(clock));
  return queue;
}
