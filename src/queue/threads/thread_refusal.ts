import { StreaqError } from "../../base/errors.ts";

/**
 * The failure of a call whose function a thread cannot call, or whose result cannot leave the thread. The next try would
 * fail in the same way.
 */
export class ThreadRefusal extends StreaqError {
  /** Makes a refusal of an error that a thread has reported. */
  static of(error: Error): ThreadRefusal {
    const refusal = new ThreadRefusal(error.message, "cause" in error ? { cause: error.cause } : {});
    return Object.defineProperty(refusal, "stack", { value: error.stack, enumerable: false });
  }
}
