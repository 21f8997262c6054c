import type { Delivery } from "../../broker/contract/consumer.ts";
import type { TaskContext } from "../context/task_context.ts";
import type { Definition } from "../tasks/definition.ts";
import type { TaskRecord } from "../records/codec.ts";
import type { Thread } from "../threads/thread.ts";

/** One run of a task: what is known of it, and the handle to stop it. */
export class Execution {
  readonly delivery: Delivery;
  /** Which run this is; 0 before that is known. */
  tries = 0;
  startTime = 0;
  record: TaskRecord | undefined;
  definition: Definition | undefined;
  /** Whether the function was called. */
  hasBegun = false;
  /** Whether its outcome is known, though the function may still run. */
  isConcluded = false;
  /** Whether the function has settled, or was never called. */
  isSettled = false;
  /** Where the function runs, when it does not run here. */
  thread: Thread | undefined;
  #controller: AbortController | undefined;
  #reason: Error | undefined;

  constructor(delivery: Delivery) {
    this.delivery = delivery;
  }

  /** Why it was asked to stop; `undefined` as long as it was not. */
  get reason(): Error | undefined {
    return this.#reason;
  }

  /** Asks the function to stop. The first reason stays. */
  abort(reason: Error): void {
    if (this.#reason) return;
    this.#reason = reason;
    this.#controller?.abort(reason);
    this.thread?.abort(reason);
  }

  /** Aborted when the function is asked to stop. It is made when it is looked at: most never are, and it is not cheap. */
  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#reason) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** What the function sees. */
  context(): TaskContext {
    const { fnName, options: { timeout, ttl } } = this.definition!;
    const signal = () => this.signal;
    return {
      fnName,
      taskId: this.delivery.taskId,
      tries: this.tries,
      timeout,
      ttl,
      get signal() {
        return signal();
      },
    };
  }
}
