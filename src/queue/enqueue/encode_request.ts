import { StreaqError } from "../../base/errors.ts";
import type { NewTask } from "../../broker/contract/task.ts";
import { queueInThread } from "../context/task_context.ts";
import type { Request } from "./request.ts";

/**
 * Checks that the running code may send tasks to a queue.
 *
 * @param fnName The task to send, for the error.
 * @throws {StreaqError} In a thread, when it is not the queue of its task.
 */
export function checkThreadQueue(fnName: string, queueName: string): void {
  const threadQueue = queueInThread();
  if (threadQueue === undefined || threadQueue === queueName) return;
  const queues = `expected its worker to have queue ${threadQueue}, got ${queueName}`;
  throw new StreaqError(`Cannot enqueue task ${fnName} from a thread: ${queues}`);
}

/**
 * Encodes a request, and the pipeline behind it, as tasks to store.
 *
 * @param now The time, for a request that is sent for the first time.
 * @throws {StreaqError} When its arguments cannot be stored.
 */
export function encodeRequest(request: Request<unknown>, now: number): NewTask {
  const { taskId: id, priority, draft, condition: { due, after }, previous, next, isFresh } = request;
  const createdTime = request.createdTime ??= now;
  if (!after && !previous && !next) return { id, priority, data: draft.encode(id, { createdTime }), due, isFresh };
  const dependencies = previous ? [previous.taskId] : after;
  const data = draft.encode(id, { createdTime, dependencies, previous: previous?.taskId, next: next?.taskId });
  return { id, priority, data, due, after, next: next && encodeRequest(next, now) };
}
