import type { Failures, KeptFailure } from "../contract/failures.ts";
import type { StoredFailure } from "./failure_store.ts";
import type { MemoryQueue } from "./memory_queue.ts";
import { readPayload } from "./payload.ts";
import { revive } from "./revive.ts";

/**
 * The kept failures of a queue in memory.
 *
 * @param answer Runs an operation, and answers in the next turn of the event loop.
 * @param binary Whether records are bytes instead of text.
 */
export function failuresOf(
  queue: MemoryQueue,
  answer: <T>(operation: () => T) => Promise<T>,
  binary: boolean,
): Failures {
  const { failures } = queue;
  const load = (taskId: string) => {
    const failure = failures.get(taskId);
    return failure ? keptFailure(failure, binary) : null;
  };
  return {
    list: () => answer(() => failures.list().map(({ taskId, time }) => ({ taskId, time }))),
    count: () => answer(() => failures.count),
    load: (taskIds) => answer(() => taskIds.map(load)),
    companions: (taskIds) => answer(() => taskIds.map((id) => failures.companions(id))),
    revive: (revivals) => answer(() => revivals.map((revival) => revive(queue, revival))),
    purge: (taskIds) => answer(() => taskIds.filter((id) => failures.drop(id)).length),
  };
}

function keptFailure(failure: StoredFailure, binary: boolean): KeptFailure {
  const { taskId, time, priority, failedWith, blocker, data, result } = failure;
  const payloads = { data: readPayload(data, binary), result: readPayload(result, binary) };
  return { taskId, time, priority, failedWith, blocker, ...payloads };
}
