import type { Clock } from "../../base/clock.ts";
import { MemoryQueue } from "./memory_queue.ts";

/**
 * All queues in memory. What lives by different clocks has nothing in common, so each clock has queues of its own; they
 * last as long as the clock does, whoever works on them.
 */
const queues = new WeakMap<Clock, Map<string, MemoryQueue>>();

/** The queue of a name at a URL, the same one for all who ask with the same clock. */
export function queueAt(clock: Clock, url: string, queueName: string): MemoryQueue {
  let named = queues.get(clock);
  if (!named) queues.set(clock, named = new Map());
  // No part of a URL can hold a line break.
  const key = `${url}\n${queueName}`;
  let queue = named.get(key);
  if (!queue) named.set(key, queue = new MemoryQueue(clock));
  return queue;
}
