import { StreaqError } from "../../base/errors.ts";
import type { Task } from "./task.ts";

/**
 * Some tasks of an `enqueueMany()` could not be stored. Sending the same requests again is safe.
 *
 * @example
 * ```ts
 * import { EnqueueError, Worker } from "@q/streaq";
 *
 * const worker = new Worker();
 * const greet = worker.task("greet", (name: string): string => `Hello, ${name}!`);
 *
 * const requests = ["Ada", "Grace"].map((name) => greet.enqueue(name));
 * try {
 *   await worker.enqueueMany(requests);
 * } catch (error) {
 *   if (!(error instanceof EnqueueError)) throw error;
 *   console.error(`Stored ${error.tasks.length} of ${requests.length} tasks:`, error.cause);
 *   await worker.enqueueMany(requests);
 * }
 * ```
 */
export class EnqueueError extends StreaqError {
  /** The name of the class. */
  override name = "EnqueueError";
  /** The tasks that are stored, in order. */
  readonly tasks: readonly Task<unknown>[];

  /** Creates the error that `enqueueMany()` rejects with. */
  constructor(message: string, options: { cause: unknown; tasks: readonly Task<unknown>[] }) {
    super(message, options);
    this.tasks = options.tasks;
  }
}
