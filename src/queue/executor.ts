import type { Clock } from "../base/clock.ts";
import { StreaqError } from "../base/errors.ts";
import type { Payload } from "../broker/broker.ts";
import { runInScope } from "./context.ts";
import type { Definition } from "./definition.ts";
import type { Execution } from "./execution.ts";
import type { RecordCodec, TaskRecord } from "./record.ts";

/** The worker shuts down, and its tasks are to stop. */
export class ShutdownError extends StreaqError {}

/** The lease of a run is gone: another worker may run the task now. */
export class LeaseLostError extends StreaqError {}

/** What became of a run. */
export type Outcome =
  | { readonly kind: "done"; readonly value: unknown }
  | { readonly kind: "failed"; readonly error: unknown }
  /** To be run again by whoever takes it, at the cost of no try. */
  | { readonly kind: "released" }
  /** Somebody else's now. */
  | { readonly kind: "lost" };

/** What an {@linkcode Executor} needs of its worker. */
export interface ExecutorOptions {
  readonly workerContext: unknown;
  readonly registry: ReadonlyMap<string, Definition>;
  readonly codec: RecordCodec;
  readonly clock: Clock;
  /** Called when the function is about to be called. */
  readonly onBegin: (execution: Execution) => void;
  /** Called once for each run, as soon as its outcome is known. */
  readonly onOutcome: (execution: Execution, outcome: Outcome) => void;
}

/** Runs one task: reads its record, finds its function, calls it, and says what became of it. */
export class Executor {
  readonly #options: ExecutorOptions;

  constructor(options: ExecutorOptions) {
    this.#options = options;
  }

  /** Runs a task. Resolves when its function has settled; never rejects. */
  async execute(execution: Execution, tries: number, data: Payload | null): Promise<void> {
    execution.tries = tries;
    execution.startTime = this.#options.clock.now();
    const refusal = this.#prepare(execution, data) ?? giveUp(execution);
    if (refusal) return this.conclude(execution, { kind: "failed", error: refusal });
    this.#options.onBegin(execution);
    try {
      const value = await this.#call(execution);
      this.conclude(execution, { kind: "done", value });
    } catch (error) {
      this.conclude(execution, interpret(execution, error));
    }
  }

  /** Ends a run that was asked to stop, though its function has not settled. */
  abandon(execution: Execution): void {
    this.conclude(execution, interpret(execution, execution.reason));
  }

  /** Says what became of a run; only the first time counts. */
  conclude(execution: Execution, outcome: Outcome): void {
    if (execution.isConcluded) return;
    execution.isConcluded = true;
    this.#options.onOutcome(execution, outcome);
  }

  /** Fills in the record and the definition; returns why there is none. */
  #prepare(execution: Execution, data: Payload | null): Error | undefined {
    const { taskId } = execution.delivery;
    if (data === null) return new StreaqError(`The record of the task is gone: ${taskId}`);
    try {
      execution.record = this.#options.codec.decodeTask(taskId, data);
    } catch (error) {
      return error as Error;
    }
    const { fnName } = execution.record;
    execution.definition = this.#options.registry.get(fnName);
    if (!execution.definition) return new StreaqError(`No task of this name is registered with the worker: ${fnName}`);
    return undefined;
  }

  async #call(execution: Execution): Promise<unknown> {
    const { fnName, fn, options } = execution.definition as Definition;
    const { args, kwargs } = execution.record as TaskRecord;
    // Named arguments, which only other languages and untyped enqueuing have, arrive as one trailing object.
    const given = Object.keys(kwargs).length > 0 ? [...args, kwargs] : args;
    const { taskId } = execution.delivery;
    const task = execution.context({ fnName, taskId, tries: execution.tries, timeout: null, ttl: options.ttl });
    return await runInScope({ task, workerContext: this.#options.workerContext }, () => fn(...given));
  }
}

/** Why a task is not run again; `undefined` when it is. */
function giveUp({ tries, definition }: Execution): StreaqError | undefined {
  const { fnName, options: { maxTries } } = definition!;
  if (maxTries === null || tries <= maxTries) return undefined;
  const spent = maxTries === 1 ? "1 try" : `${maxTries} tries`;
  return new StreaqError(`Gave up after ${spent}, the maxTries of task: ${fnName}`);
}

/** What a throw means depends on whether the function was asked to stop. */
function interpret({ reason, definition }: Execution, error: unknown): Outcome {
  if (reason instanceof LeaseLostError) return { kind: "lost" };
  if (reason instanceof ShutdownError) {
    // Handed back, it would be started twice.
    return definition!.options.maxTries === 1 ? { kind: "failed", error: reason } : { kind: "released" };
  }
  return { kind: "failed", error };
}
