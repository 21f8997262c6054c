import type { Clock } from "../../base/clock.ts";
import { StreaqError } from "../../base/errors.ts";
import type { NewTask } from "../../broker/contract/task.ts";
import { queueInThread } from "../context/task_context.ts";
import type { Request } from "./request.ts";

/** Options of {@linkcode encodeRequest}. */
export interface EncodeOptions {
  readonly queueName: string;
  readonly clock: Clock;
}

/**
 * Encodes a request, and the pipeline behind it, as tasks to store.
 *
 * @throws {StreaqError} When its arguments cannot be stored, or the queue is not that of the thread's task.
 */
export function encodeRequest(request: Request<unknown>, options: EncodeOptions): NewTask {
  const { id, priority, draft, condition: { due, after }, previous, next } = request;
  const { queueName, clock } = options;
  const threadQueue = queueInThread();
  if (threadQueue !== undefined && threadQueue !== queueName) {
    const queues = `expected its worker to have queue ${threadQueue}, got ${queueName}`;
    throw new StreaqError(`Cannot enqueue task ${draft.fnName} from a thread: ${queues}`);
  }
  const createdTime = request.createdTime ??= clock.now();
  if (!after && !previous && !next) return { id, priority, data: draft.encode(id, { createdTime }), due };
  const dependencies = previous ? [previous.id] : after;
  const data = draft.encode(id, { createdTime, dependencies, previous: previous?.id, next: next?.id });
  return { id, priority, data, due, after, next: next && encodeRequest(next, options) };
}
