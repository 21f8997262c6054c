import type { Revival, Revived } from "../contract/failures.ts";
import type { MemoryQueue } from "./memory_queue.ts";
import type { MemoryTask } from "./memory_task.ts";

/** Queues a failed task again, or lets it wait for the dependencies that are unfinished. */
export function revive(queue: MemoryQueue, { taskId, after }: Revival): Revived {
  if (queue.task(taskId)) return "exists";
  const failure = queue.failures.get(taskId);
  if (!failure) return "missing";
  const open: MemoryTask[] = [];
  for (const id of after) {
    const dependency = queue.task(id);
    if (dependency) open.push(dependency);
    else if (hasFailed(queue, id)) {
      // If the failure of that dependency is kept, the task comes back with it now.
      if (queue.failures.get(id)) queue.failures.noteCompanion(id, taskId);
      return "blocked";
    }
  }
  queue.failures.drop(taskId);
  queue.results.forget(taskId);
  const task = queue.add({ id: taskId, data: failure.data, priority: failure.priority });
  if (failure.input !== null) queue.setInput(task, failure.input);
  if (open.length > 0) queue.dependencies.defer(task, open, undefined);
  else queue.enqueueOrDelay(task, undefined);
  return "queued";
}

function hasFailed(queue: MemoryQueue, id: string): boolean {
  if (queue.failures.get(id)) return true;
  const outcome = queue.results.outcome(id);
  return outcome !== undefined && outcome.failedId !== null;
}
