import type { Revival, Revived } from "../contract/failures.ts";
import type { MemoryQueue } from "./memory_queue.ts";
import type { MemoryTask } from "./memory_task.ts";

/** Queues a failed task again, or lets it wait for the dependencies that are unfinished. */
export function revive(queue: MemoryQueue, { taskId, time, after }: Revival): Revived {
  if (queue.task(taskId)) return "exists";
  const failure = queue.failures.get(taskId);
  if (failure?.time !== time) return "missing";
  const open: MemoryTask[] = [];
  for (const id of after) {
    const dependency = queue.task(id);
    if (dependency) {
      open.push(dependency);
    } else if (hasFailed(queue, id, failure.blocker)) {
      // If the failure of that dependency is kept, the task comes back with it now.
      if (queue.failures.get(id)) queue.failures.block(taskId, id);
      return "blocked";
    }
  }
  queue.failures.drop(taskId);
  queue.results.forget(taskId);
  const task = queue.add({ id: taskId, data: failure.data, priority: failure.priority });
  if (failure.input !== null) queue.setInput(task, failure.input);
  queue.dependencies.recall(task);
  if (open.length > 0) queue.dependencies.defer(task, open, undefined);
  else queue.enqueueOrDelay(task, undefined);
  return "queued";
}

/**
 * Whether a dependency has failed. Outcomes expire, so one that is unknown has succeeded, unless it is the one because of
 * which the task cannot run.
 */
function hasFailed(queue: MemoryQueue, id: string, blocker: string | null): boolean {
  if (queue.failures.get(id)) return true;
  const outcome = queue.results.outcome(id);
  return outcome ? outcome.failedId !== null : id === blocker;
}
