import { abortable } from "../../base/async.ts";
import type { Validator } from "../tasks/validator.ts";
import type { Execution } from "./execution.ts";
import { type Outcome, ShutdownError } from "./outcome.ts";
import { type RunScopeOptions, scopeOf } from "./run_scope.ts";

/**
 * Checks the arguments and the results of tasks with their schemas. Schemas run in the scope of the task, as its function
 * does.
 */
export class Checker {
  readonly #scope: RunScopeOptions;

  constructor(scope: RunScopeOptions) {
    this.#scope = scope;
  }

  /**
   * Checks the arguments of a task. Its function gets what comes out of the schemas.
   *
   * @returns Why the function must not be called, if so; a promise if a schema is asynchronous, which rejects as soon as
   * the run is to stop.
   */
  checkArguments(execution: Execution, validator: Validator): Error | undefined | Promise<Error | undefined> {
    const accept = (args: readonly unknown[]): undefined => {
      execution.record = { ...execution.record!, args, kwargs: {} };
    };
    try {
      const args = scopeOf(execution, this.#scope).run(() => validator.checkArguments(execution.args));
      if (!(args instanceof Promise)) return accept(args);
      return abortable(args.then(accept, (error: Error) => error), execution.signal);
    } catch (error) {
      return error as Error;
    }
  }

  /**
   * The outcome of a task whose function has returned `value`: its result is what comes out of the schema, if it has one.
   *
   * @returns A promise if the schema is asynchronous, which rejects as soon as the run is to stop. Never throws.
   */
  outcomeOf(execution: Execution, value: unknown): Outcome | Promise<Outcome> {
    const { validator } = execution.definition!;
    // After a timeout or an abort, the result does not count.
    if (!validator?.checksResults || execution.state !== "running") return done(value);
    try {
      const result = scopeOf(execution, this.#scope).run(() => validator.checkResult(value));
      if (!(result instanceof Promise)) return done(result);
      const outcome = result.then(done, failed);
      return abortable(outcome, execution.signal).catch((reason) => {
        // Put back, the task would be run again though its function has returned: the shutdown waits a moment for it.
        if (reason instanceof ShutdownError) return outcome;
        throw reason;
      });
    } catch (error) {
      return failed(error);
    }
  }
}

function done(value: unknown): Outcome {
  return { kind: "done", value };
}

/** Final: the function has done its work, and no other try would change what it has returned. */
function failed(error: unknown): Outcome {
  return { kind: "failed", error };
}
