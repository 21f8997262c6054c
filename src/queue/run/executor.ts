import { abortable } from "../../base/async.ts";
import type { Clock, Timer } from "../../base/clock.ts";
import { StreaqCancelled, StreaqError, TimeoutError } from "../../base/errors.ts";
import type { Started } from "../../broker/contract/consumer.ts";
import { runInScope } from "../context/task_context.ts";
import type { Definition } from "../tasks/definition.ts";
import type { Execution } from "./execution.ts";
import type { UniqueLocks } from "./unique_locks.ts";
import { occurrenceId } from "../schedule/occurrence.ts";
import { type Handler, type Middleware, wrap } from "../tasks/middleware.ts";
import { giveUp, interpret, type Outcome } from "./outcome.ts";
import type { RecordCodec } from "../records/codec.ts";
import { inThread } from "../threads/in_thread.ts";
import type { ThreadPool } from "../threads/pool.ts";

/** What an {@linkcode Executor} needs of its worker. */
export interface ExecutorOptions {
  readonly workerContext: unknown;
  readonly queueName: string;
  readonly registry: ReadonlyMap<string, Definition>;
  /** The outermost first. */
  readonly middleware: readonly Middleware[];
  readonly codec: RecordCodec;
  readonly locks: UniqueLocks;
  readonly threads: ThreadPool;
  readonly clock: Clock;
  /** Called when the function is about to be called. */
  readonly onBegin: (execution: Execution) => void;
  /** Called once for each run, as soon as its outcome is known. */
  readonly onOutcome: (execution: Execution, outcome: Outcome) => void;
  /** Called when a function goes on although its task has ended and its signal was aborted a while ago. */
  readonly onLinger: (execution: Execution) => void;
}

/** For how long a function may go on after its task has ended before that is told, in milliseconds. */
const patience = 1000;

/**
 * Runs one task: reads its record, finds its function, sees whether it may run, calls it, and says what became of it. The
 * outcome can be there before the function has settled: a timeout and an abort wait for nobody.
 */
export class Executor {
  readonly #options: ExecutorOptions;
  readonly #handlers = new Map<Definition, Handler>();

  constructor(options: ExecutorOptions) {
    this.#options = options;
  }

  /** Runs a task. Resolves when its function has settled; never rejects. */
  async execute(execution: Execution, start: Started): Promise<void> {
    execution.tries = start.tries;
    execution.startTime = this.#options.clock.now();
    try {
      const refusal = this.#prepare(execution, start);
      if (refusal) return this.conclude(execution, { kind: "failed", error: refusal });
      if (execution.reason) throw execution.reason;
      const { unique, thread } = execution.definition!.options;
      // Most tasks need neither, and are spared the turns of waiting.
      const conflict = unique ? await this.#options.locks.take(execution) : undefined;
      if (conflict) return this.conclude(execution, { kind: "failed", error: conflict });
      if (thread !== undefined) await this.#acquireThread(execution, thread);
      const value = await this.#call(execution);
      this.conclude(execution, { kind: "done", value });
    } catch (error) {
      this.conclude(execution, interpret(execution, error));
    } finally {
      execution.isSettled = true;
      execution.thread?.release();
      if (execution.definition?.options.unique) await this.#options.locks.release(execution);
    }
  }

  /** Ends a run whose task was ended from outside. */
  cancel(execution: Execution): void {
    const { taskId } = execution.delivery;
    this.#end(execution, new StreaqCancelled(`The task was aborted: ${taskId}`), { kind: "aborted" });
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

  /** Fills in the record and the definition; returns why the function is not to be called. */
  #prepare(execution: Execution, { data, time, isFirst, crashes, input }: Started): Error | undefined {
    const { codec, registry } = this.#options;
    const { taskId, enqueueTime } = execution.delivery;
    if (data === null) return new StreaqError(`The record of the task is gone: ${taskId}`);
    try {
      const record = execution.record = codec.decodeTask(taskId, data);
      const { previous } = record;
      if (previous !== undefined) {
        if (input === null) return new StreaqError(`What was piped into the task is gone: ${taskId}`);
        execution.record = { ...record, args: codec.decodeInput(previous, input) };
      }
    } catch (error) {
      return error as Error;
    }
    const { fnName } = execution.record;
    const definition = execution.definition = registry.get(fnName);
    if (!definition) return new StreaqError(`No task of this name is registered with the worker: ${fnName}`);
    // A producer that does not know the function has said nothing.
    const expire = execution.record.expire ?? definition.options.expire;
    if (isFirst && expire !== null && time - enqueueTime > expire) {
      return new StreaqError(`Expired, it was not started within ${expire} ms, task: ${fnName}`);
    }
    const { cron } = definition;
    // What was enqueued by hand is no occurrence, and has no time of its own.
    if (isFirst && cron && cron.maxScheduleDrift !== null && taskId === occurrenceId(fnName, enqueueTime)) {
      if (time - enqueueTime > cron.maxScheduleDrift) {
        return new StreaqError(`Missed its time by more than ${cron.maxScheduleDrift} ms, cron job: ${fnName}`);
      }
    }
    return giveUp(execution, crashes);
  }

  /** Waits for a thread in which the function can begin at once. */
  async #acquireThread(execution: Execution, module: string): Promise<void> {
    execution.thread = await this.#options.threads.acquire(execution.signal);
    await abortable(execution.thread.load(module, execution.definition!.fnName), execution.signal);
  }

  async #call(execution: Execution): Promise<unknown> {
    const { onBegin, workerContext, queueName } = this.#options;
    const definition = execution.definition!;
    const { args, kwargs } = execution.record!;
    // Named arguments, which only other languages and untyped enqueuing have, arrive as one trailing object.
    const given = Object.keys(kwargs).length > 0 ? [...args, kwargs] : args;
    const scope = { task: execution.context(), workerContext, queueName, thread: execution.thread };
    const { timeout } = definition.options;
    // Outside the scope: it is for all tasks of the name, not for this one.
    const handler = this.#handler(definition);
    if (execution.reason) throw execution.reason;
    execution.hasBegun = true;
    onBegin(execution);
    const timer = timeout === null ? undefined : this.#timer(execution, timeout);
    try {
      return await runInScope(scope, () => handler(...given));
    } finally {
      timer?.cancel();
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

  /** It keeps no process alive: a function that never settles would do so after everything was closed. */
  #timer(execution: Execution, timeout: number): Timer {
    return this.#options.clock.timer(timeout, () => this.#timeOut(execution, timeout), { ref: false });
  }

  #timeOut(execution: Execution, timeout: number): void {
    // Asked to stop before, it is not to blame for being late.
    if (execution.reason) return;
    const { fnName } = execution.definition!;
    const error = new TimeoutError(`The task did not end within ${timeout} ms: ${fnName}`);
    this.#end(execution, error, { kind: "failed", error });
  }

  /** Ends a run there and then. The slot stays taken until the function has settled: it is still running. */
  #end(execution: Execution, reason: Error, outcome: Outcome): void {
    if (execution.isConcluded) return;
    const { clock, onLinger } = this.#options;
    this.conclude(execution, outcome);
    execution.abort(reason);
    execution.thread?.terminate(reason);
    clock.timer(patience, () => {
      if (!execution.isSettled) onLinger(execution);
    }, { ref: false });
  }
}
