import { abortable } from "../../base/async.ts";
import type { Clock, Timer } from "../../base/clock.ts";
import { StreaqCancelled, TimeoutError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { Started } from "../../broker/contract/delivery.ts";
import type { Definition } from "../tasks/definition.ts";
import { type Handler, type Middleware, wrap } from "../tasks/middleware.ts";
import type { Validator } from "../tasks/validator.ts";
import { inThread } from "../threads/in_thread.ts";
import type { ThreadPool } from "../threads/pool.ts";
import { Checker } from "./checker.ts";
import type { Execution } from "./execution.ts";
import { type GuardOptions, refusalOf } from "./guards.ts";
import type { InFlight } from "./in_flight.ts";
import { interpret, type Outcome } from "./outcome.ts";
import { scopeOf } from "./run_scope.ts";
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
/** How long a function may run on after a timeout before its task is not tried again, in milliseconds. */
const overdueAllowance = 10_000;

/**
 * Runs one task: it passes the guards, its arguments are checked, it takes its lock and its thread, and its function is
 * called. The outcome can be known before the function has settled: an abort waits for no function, and a timeout only if
 * the task is to be tried again.
 */
export class Executor {
  readonly #options: ExecutorOptions;
  readonly #checker: Checker;
  readonly #handlers = new Map<Definition, Handler>();

  constructor(options: ExecutorOptions) {
    this.#options = options;
    this.#checker = new Checker(options);
  }

  /** Runs a task. Its slot is free once its function has settled. */
  execute(execution: Execution, start: Started): void {
    const { clock, inFlight } = this.#options;
    execution.tries = start.tries;
    execution.spentTries = start.tries - 1;
    execution.startTime = clock.now();
    inFlight.move(execution, "preparing");
    const refusal = refusalOf(execution, start, this.#options);
    if (refusal) return this.#refuse(execution, refusal);
    if (execution.reason) return this.#fail(execution, execution.reason);
    if (execution.definition!.validator) this.#check(execution, execution.definition!.validator);
    else this.#begin(execution);
  }

  /** Ends a run whose task was aborted from outside. */
  cancel(execution: Execution): void {
    const { taskId } = execution.delivery;
    this.#end(execution, new StreaqCancelled(`Task ${taskId} was aborted`), { kind: "aborted" });
  }

  /** Ends a run that was asked to stop, though its function has not settled. */
  abandon(execution: Execution): void {
    this.conclude(execution, this.#interpret(execution, execution.reason));
  }

  /** Decides the outcome of a run; only the first one counts. */
  conclude(execution: Execution, outcome: Outcome): void {
    if (isConcluded(execution)) return;
    this.#options.inFlight.conclude(execution);
    this.#options.onOutcome(execution, outcome);
  }

  /** Checks the arguments of a task. */
  #check(execution: Execution, validator: Validator): void {
    const refusal = this.#checker.checkArguments(execution, validator);
    if (refusal instanceof Promise) void this.#awaitCheck(execution, refusal);
    else if (refusal) this.#refuse(execution, refusal);
    else this.#begin(execution);
  }

  /** Waits for the check of the arguments, which is part of the run, and counts for its timeout. */
  async #awaitCheck(execution: Execution, checking: Promise<Error | undefined>): Promise<void> {
    const { clock } = this.#options;
    const { timeout } = execution.definition!.options;
    const began = clock.monotonic();
    if (timeout !== null) execution.timer = this.#timer(execution, timeout);
    let refusal: Error | undefined;
    try {
      refusal = await checking;
    } catch (reason) {
      return this.#fail(execution, reason);
    }
    execution.timer?.cancel();
    execution.checkTime = clock.monotonic() - began;
    if (refusal) this.#refuse(execution, refusal);
    else this.#begin(execution);
  }

  /** Begins the part of a run that may reach the function. */
  #begin(execution: Execution): void {
    const { unique, thread } = execution.definition!.options;
    // Most tasks need neither a lock nor a thread, and are spared the microtasks of waiting.
    if (unique || thread !== undefined) void this.#prepare(execution);
    else this.#run(execution);
  }

  /** Fails a task whose function must not be called. Nothing tries it again. */
  #refuse(execution: Execution, error: Error): void {
    if (execution.isTakenOver && execution.definition?.options.unique) void this.#refuseLocked(execution, error);
    else this.#finish(execution, { kind: "failed", error });
  }

  /** Fails a task whose earlier run may have left its lock behind, which would expire by the server's clock alone. */
  async #refuseLocked(execution: Execution, error: Error): Promise<void> {
    const { locks } = this.#options;
    try {
      // The lock of another task stays.
      if (await locks.take(execution) === undefined) await locks.release(execution);
    } catch {
      // The shutdown does not wait for the lock.
    }
    this.#finish(execution, { kind: "failed", error });
  }

  /** Takes the lock and the thread of a task, runs it, and gives them back. */
  async #prepare(execution: Execution): Promise<void> {
    const { locks } = this.#options;
    const { options: { unique, thread } } = execution.definition!;
    let outcome: Outcome;
    try {
      const conflict = unique ? await locks.take(execution) : undefined;
      if (conflict) {
        outcome = { kind: "failed", error: conflict };
      } else {
        if (thread !== undefined) await this.#acquireThread(execution, thread);
        outcome = await this.#checker.outcomeOf(execution, await this.#call(execution));
      }
    } catch (error) {
      outcome = this.#interpret(execution, error);
    }
    // A thread that was terminated computes on until it has exited.
    if (execution.state === "overdue" && execution.thread?.isDead) await execution.thread.exited;
    this.#settled(execution, outcome);
    execution.thread?.release();
    if (unique) await locks.release(execution);
    this.#options.inFlight.vacate(execution);
  }

  /** Waits for a thread in which the function can begin at once. */
  async #acquireThread(execution: Execution, module: string): Promise<void> {
    execution.thread = await this.#options.threads.acquire(execution.signal);
    await abortable(execution.thread.load(module, execution.fnName), execution.signal);
  }

  /** Calls the function of a task, and waits for it with a single promise. */
  #run(execution: Execution): void {
    try {
      const returned = this.#call(execution);
      const isObject = (typeof returned === "object" && returned !== null) || typeof returned === "function";
      if (!isObject) return this.#returned(execution, returned);
      Promise.resolve(returned).then(
        (value) => this.#returned(execution, value),
        (error) => this.#fail(execution, error),
      );
    } catch (error) {
      this.#fail(execution, error);
    }
  }

  /** The function of a task has returned. */
  #returned(execution: Execution, value: unknown): void {
    const outcome = this.#checker.outcomeOf(execution, value);
    if (!(outcome instanceof Promise)) return this.#finish(execution, outcome);
    outcome.then(
      (outcome) => this.#finish(execution, outcome),
      (reason) => this.#fail(execution, reason),
    );
  }

  /** Calls the function of a task; returns what that returns. */
  #call(execution: Execution): unknown {
    const { inFlight, onRun } = this.#options;
    const definition = execution.definition!;
    const { args } = execution;
    const { timeout } = definition.options;
    // Outside the scope: the handler is shared by all tasks of the name.
    const handler = this.#handler(definition);
    if (execution.reason) throw execution.reason;
    execution.spentTries = execution.tries;
    inFlight.move(execution, "running");
    onRun(execution);
    if (timeout !== null) execution.timer = this.#timer(execution, timeout);
    return scopeOf(execution, this.#options).run(() => handler(...args));
  }

  /** The function of a task has settled, or is not called. */
  #finish(execution: Execution, outcome: Outcome): void {
    this.#settled(execution, outcome);
    this.#options.inFlight.vacate(execution);
  }

  #fail(execution: Execution, error: unknown): void {
    this.#finish(execution, this.#interpret(execution, error));
  }

  #settled(execution: Execution, outcome: Outcome): void {
    execution.timer?.cancel();
    // The result of an overdue function is dropped.
    const isOverdue = execution.state === "overdue";
    this.conclude(execution, isOverdue ? this.#interpret(execution, execution.reason) : outcome);
  }

  #interpret(execution: Execution, error: unknown): Outcome {
    return interpret(execution, error, (fn) => scopeOf(execution, this.#options).run(fn));
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
    const left = Math.max(0, timeout - execution.checkTime);
    return this.#options.clock.timer(left, () => this.#timeOut(execution, timeout), { ref: false });
  }

  #timeOut(execution: Execution, timeout: number): void {
    // A function that was asked to stop before is not to blame for being late.
    if (execution.reason) return;
    const error = new TimeoutError(`Task ${execution.fnName} timed out: it did not finish within ${timeout} ms`);
    const outcome = this.#interpret(execution, error);
    if (outcome.kind !== "retry") return this.#end(execution, error, outcome);
    // No run may overlap the next one.
    const { clock, inFlight } = this.#options;
    execution.until = outcome.until;
    inFlight.move(execution, "overdue");
    const note = "failed, and is not tried again because its function ignores its signal";
    const end = () => this.#end(execution, error, { kind: "failed", error, note });
    execution.timer = clock.timer(overdueAllowance, end, { ref: false });
    execution.abort(error);
    execution.thread?.terminate(error);
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

/** Whether the outcome of an execution is known. */
export function isConcluded({ state }: Execution): boolean {
  return state === "concluded" || state === "lingering" || state === "settling" || state === "gone";
}
