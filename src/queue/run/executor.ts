import { AsyncResource } from "node:async_hooks";
import { abortable } from "../../base/async.ts";
import type { Clock, Timer } from "../../base/clock.ts";
import { StreaqCancelled, TimeoutError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { Started } from "../../broker/contract/delivery.ts";
import type { Scope, TaskContext } from "../context/scope.ts";
import { runInScope } from "../context/task_context.ts";
import { describeFailure } from "../records/failure.ts";
import type { Definition } from "../tasks/definition.ts";
import { type Handler, type Middleware, wrap } from "../tasks/middleware.ts";
import { inThread } from "../threads/in_thread.ts";
import type { ThreadPool } from "../threads/pool.ts";
import type { Thread } from "../threads/thread.ts";
import type { Execution } from "./execution.ts";
import { type GuardOptions, refusalOf } from "./guards.ts";
import type { InFlight } from "./in_flight.ts";
import { interpret, type Outcome } from "./outcome.ts";
import { showFailure } from "./show_failure.ts";
import type { UniqueLocks } from "./unique_locks.ts";

/** Options of an {@linkcode Executor}. */
export interface ExecutorOptions extends GuardOptions {
  readonly inFlight: InFlight;
  readonly workerContext: unknown;
  readonly queueName: string;
  /** The outermost first. */
  readonly middleware: readonly Middleware[];
  readonly locks: UniqueLocks;
  readonly threads: ThreadPool;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called when the function is about to be called. */
  readonly onRun: (execution: Execution) => void;
  /** Called once for each execution, as soon as its outcome is known. */
  readonly onOutcome: (execution: Execution, outcome: Outcome) => void;
  /** Called when a function has not settled a second after its outcome was decided and its signal was aborted. */
  readonly onLinger: (execution: Execution) => void;
}

/** How long a function may run on after a timeout or an abort before that is logged, in milliseconds. */
const lingerAllowance = 1000;

/**
 * Runs one task: it passes the guards, takes its lock and its thread, and its function is called. The outcome can be known
 * before the function has settled: a timeout and an abort wait for no function.
 */
export class Executor {
  readonly #options: ExecutorOptions;
  readonly #handlers = new Map<Definition, Handler>();

  constructor(options: ExecutorOptions) {
    this.#options = options;
  }

  /** Runs a task. Resolves when its function has settled and its slot is free; never rejects. */
  async execute(execution: Execution, start: Started): Promise<void> {
    const { clock, inFlight, locks } = this.#options;
    execution.tries = start.tries;
    execution.spentTries = start.tries - 1;
    execution.startTime = clock.now();
    inFlight.move(execution, "preparing");
    try {
      const refusal = refusalOf(execution, start, this.#options);
      if (refusal) return this.conclude(execution, { kind: "failed", error: refusal });
      if (execution.reason) throw execution.reason;
      const { unique, thread } = execution.definition!.options;
      // Most tasks need neither a lock nor a thread, and are spared the microtasks of waiting.
      const conflict = unique ? await locks.take(execution) : undefined;
      if (conflict) return this.conclude(execution, { kind: "failed", error: conflict });
      if (thread !== undefined) await this.#acquireThread(execution, thread);
      const value = await this.#call(execution);
      this.conclude(execution, { kind: "done", value });
    } catch (error) {
      this.conclude(execution, interpret(execution, error));
    } finally {
      execution.thread?.release();
      if (execution.definition?.options.unique) await locks.release(execution);
      inFlight.vacate(execution);
    }
  }

  /** Ends a run whose task was aborted from outside. */
  cancel(execution: Execution): void {
    const { taskId } = execution.delivery;
    this.#end(execution, new StreaqCancelled(`Task ${taskId} was aborted`), { kind: "aborted" });
  }

  /** Ends a run that was asked to stop, though its function has not settled. */
  abandon(execution: Execution): void {
    this.conclude(execution, interpret(execution, execution.reason));
  }

  /** Decides the outcome of a run; only the first one counts. */
  conclude(execution: Execution, outcome: Outcome): void {
    if (isConcluded(execution)) return;
    this.#options.inFlight.conclude(execution);
    this.#options.onOutcome(execution, outcome);
  }

  /** Waits for a thread in which the function can begin at once. */
  async #acquireThread(execution: Execution, module: string): Promise<void> {
    execution.thread = await this.#options.threads.acquire(execution.signal);
    await abortable(execution.thread.load(module, execution.fnName), execution.signal);
  }

  async #call(execution: Execution): Promise<unknown> {
    const { inFlight, onRun, workerContext, queueName } = this.#options;
    const definition = execution.definition!;
    const { args, kwargs } = execution.record!;
    // Named arguments, which only other languages and untyped enqueuing have, arrive as one trailing object.
    const given = Object.keys(kwargs).length > 0 ? [...args, kwargs] : args;
    // A flow of its own: what the function does to its asynchronous context is not seen by later tasks.
    const flow = new AsyncResource("streaq.task");
    const inScope = <T>(fn: () => T): T => flow.runInAsyncScope(runInScope, undefined, scope, fn) as T;
    const task = execution.context((listener) => this.#callListener(execution, () => inScope(listener)));
    const { thread } = execution;
    const scope: Scope = { task, workerContext, queueName, callInThread: thread && callerIn(thread, task, queueName) };
    const { timeout } = definition.options;
    // Outside the scope: the handler is shared by all tasks of the name.
    const handler = this.#handler(definition);
    if (execution.reason) throw execution.reason;
    execution.spentTries = execution.tries;
    inFlight.move(execution, "running");
    onRun(execution);
    const timer = timeout === null ? undefined : this.#timer(execution, timeout);
    try {
      return await inScope(() => handler(...given));
    } finally {
      timer?.cancel();
    }
  }

  /** Calls a listener of a task's signal. What it throws is logged: it must end neither the worker nor the task. */
  #callListener(execution: Execution, listener: () => unknown): void {
    const log = (error: unknown) => {
      const { fnName, delivery: { taskId } } = execution;
      const shown = showFailure(describeFailure(error));
      this.#options.logger.error(`task ${fnName} ${taskId} has an abort listener that failed: ${shown}`);
    };
    try {
      Promise.resolve(listener()).catch(log);
    } catch (error) {
      log(error);
    }
  }

  /** The function with the middleware around it. */
  #handler(definition: Definition): Handler {
    let handler = this.#handlers.get(definition);
    if (!handler) {
      const { middleware } = this.#options;
      const { thread } = definition.options;
      const innermost = thread === undefined ? definition.fn as Handler : inThread(definition.fnName, thread);
      handler = wrap(middleware, middleware.length === 0 ? innermost : async (...args) => await innermost(...args));
      this.#handlers.set(definition, handler);
    }
    return handler;
  }

  /** Keeps no process alive: a function that never settles would do so after everything else was closed. */
  #timer(execution: Execution, timeout: number): Timer {
    return this.#options.clock.timer(timeout, () => this.#timeOut(execution, timeout), { ref: false });
  }

  #timeOut(execution: Execution, timeout: number): void {
    // A function that was asked to stop before is not to blame for being late.
    if (execution.reason) return;
    const error = new TimeoutError(`Task ${execution.fnName} timed out: it did not finish within ${timeout} ms`);
    this.#end(execution, error, { kind: "failed", error });
  }

  /** Decides the outcome at once. The slot stays taken until the function, which is still running, has settled. */
  #end(execution: Execution, reason: Error, outcome: Outcome): void {
    if (isConcluded(execution)) return;
    const { clock, onLinger } = this.#options;
    this.conclude(execution, outcome);
    execution.abort(reason);
    execution.thread?.terminate(reason);
    clock.timer(lingerAllowance, () => {
      const { state } = execution;
      if (state === "concluded" || state === "lingering") onLinger(execution);
    }, { ref: false });
  }
}

/** Calls functions in a thread for one task. */
function callerIn(thread: Thread, task: TaskContext, queueName: string): Scope["callInThread"] {
  // Without the signal, which is made only when it is looked at, and cannot go there.
  const { fnName, taskId, tries, timeout, ttl } = task;
  const context = { fnName, taskId, tries, timeout, ttl };
  return (module, fnName, args) => thread.call({ module, fnName, args, queueName, context });
}

/** Whether the outcome of an execution is known. */
export function isConcluded({ state }: Execution): boolean {
  return state === "concluded" || state === "lingering" || state === "settling" || state === "gone";
}
