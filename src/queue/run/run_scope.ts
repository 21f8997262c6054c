import { AsyncResource } from "node:async_hooks";
import type { Logger } from "../../base/log.ts";
import type { Scope, TaskContext } from "../context/scope.ts";
import { runInScope } from "../context/task_context.ts";
import { describeFailure } from "../records/failure.ts";
import type { Thread } from "../threads/thread.ts";
import type { Execution, ExecutionScope } from "./execution.ts";
import { showFailure } from "./show_failure.ts";
import { type CallListener, guardListeners } from "./task_signal.ts";

/** Options of a {@linkcode RunScope}. */
export interface RunScopeOptions {
  readonly workerContext: unknown;
  readonly queueName: string;
  readonly logger: Pick<Logger, "error">;
}

/** The scope of a run: all its user code runs in the same one. */
export function scopeOf(execution: Execution, options: RunScopeOptions): ExecutionScope {
  return execution.scope ??= new RunScope(execution, options);
}

/**
 * The contexts of one run, and the asynchronous flow that its user code runs in: later tasks do not see what a function
 * does to an `AsyncLocalStorage`.
 */
class RunScope implements Scope, ExecutionScope {
  readonly #execution: Execution;
  readonly #options: RunScopeOptions;
  readonly #flow = new AsyncResource("streaq.task");
  #task: TaskContext | undefined;

  constructor(execution: Execution, options: RunScopeOptions) {
    this.#execution = execution;
    this.#options = options;
  }

  get workerContext(): unknown {
    return this.#options.workerContext;
  }

  get queueName(): string {
    return this.#options.queueName;
  }

  /** Created on first use: most functions never read it. */
  get task(): TaskContext {
    return this.#task ??= taskOf(this.#execution, (listener) => this.#callListener(listener));
  }

  get callInThread(): Scope["callInThread"] {
    const { thread } = this.#execution;
    return thread && callerIn(thread, this.task, this.queueName);
  }

  /** Calls a function in this scope. */
  run<T>(fn: () => T): T {
    return this.#flow.runInAsyncScope(runInScope, undefined, this, fn) as T;
  }

  /** Calls a listener of a task's signal. What it throws is logged: it must end neither the worker nor the task. */
  #callListener(listener: () => unknown): void {
    const log = (error: unknown) => {
      const { fnName, delivery: { taskId } } = this.#execution;
      const shown = showFailure(describeFailure(error));
      this.#options.logger.error(`task ${fnName} ${taskId} has an abort listener that failed: ${shown}`);
    };
    try {
      Promise.resolve(this.run(listener)).catch(log);
    } catch (error) {
      log(error);
    }
  }
}

function taskOf(execution: Execution, call: CallListener): TaskContext {
  const { fnName, options: { timeout, ttl } } = execution.definition!;
  let guarded: AbortSignal | undefined;
  const signal = () => guarded ??= guardListeners(execution.signal, call);
  return {
    fnName,
    taskId: execution.delivery.taskId,
    tries: execution.tries,
    timeout,
    ttl,
    get signal() {
      return signal();
    },
  };
}

/** Calls functions in a thread for one task. */
function callerIn(thread: Thread, task: TaskContext, queueName: string): Scope["callInThread"] {
  // The signal stays out: it is created only when it is read, and cannot be sent to a thread.
  const { fnName, taskId, tries, timeout, ttl } = task;
  const context = { fnName, taskId, tries, timeout, ttl };
  return (module, fnName, args) => thread.call({ module, fnName, args, queueName, context });
}
