import type { Worker } from "node:worker_threads";
import { type Deferred, deferred } from "../../base/async.ts";
import type { Clock, Timer } from "../../base/clock.ts";
import { StreaqError } from "../../base/errors.ts";
import { describeFailure, restoreFailure } from "../records/failure.ts";
import { markTuple } from "../tasks/tuple.ts";
import { importError, unregisteredError } from "./import_error.ts";
import type { ImportFailure, Order, Report, ThreadCall } from "./messages.ts";
import { ThreadRefusal } from "./thread_refusal.ts";
import { restoreThrown } from "./thrown.ts";

/** The owner of a {@linkcode Thread}. */
export interface ThreadOwner {
  /** Called when the thread is free again, or dead. */
  released(thread: Thread): void;
  /** Called when the thread has exited, for any reason. */
  exited(thread: Thread): void;
}

/** Options of a {@linkcode Thread}. */
export interface ThreadOptions {
  /** Starts the thread, which imports a module first. */
  readonly start: (module: string) => Worker;
  readonly owner: ThreadOwner;
  /** How long the thread may take to load a module, in milliseconds. */
  readonly loadTimeout: number;
  readonly clock: Clock;
}

/** A call that is running. */
interface Running extends Deferred<unknown> {
  readonly fnName: string;
  readonly module: string;
}

/**
 * The outer side of a thread. It is `new` until the first order, whose module it is started with; `starting` until the
 * thread reports that it is ready, and keeps its orders until then; `dead` once it was terminated or has exited. A dead
 * thread has no running call.
 */
export class Thread {
  readonly #options: ThreadOptions;
  readonly #exited = deferred<void>();
  #state: "new" | "starting" | "ready" | "dead" = "new";
  #worker: Worker | undefined;
  #running: Running | undefined;
  #orders: Order[] = [];
  /** Modules that the thread has imported. */
  readonly #loaded = new Set<string>();
  /** The error that terminates the thread; it arrives before the exit. */
  #cause: { readonly error: unknown } | undefined;

  constructor(options: ThreadOptions) {
    this.#options = options;
  }

  /** Whether it has exited, or is about to. */
  get isDead(): boolean {
    return this.#state === "dead";
  }

  /** Resolves when it has exited. */
  get exited(): Promise<void> {
    return this.#exited.promise;
  }

  /**
   * Imports a module, unless that was done before, so that a call can begin at once.
   *
   * @throws {StreaqError} When that fails or takes too long, or the thread is terminated.
   */
  async load(module: string, fnName: string): Promise<void> {
    if (this.#loaded.has(module)) return;
    const timer = this.#limit(module);
    try {
      await this.#perform(module, fnName, { kind: "streaq:load", module });
    } finally {
      timer.cancel();
    }
    this.#loaded.add(module);
  }

  /** Terminates the thread unless the timer is cancelled in time. */
  #limit(module: string): Timer {
    const { clock, loadTimeout } = this.#options;
    const half = loadTimeout / 2;
    const end = () => this.terminate(lateError(module, loadTimeout));
    // Two halves: if the event loop was blocked, the second one leaves time to read that the import has finished.
    let timer = clock.timer(half, () => timer = clock.timer(half, end, { ref: false }), { ref: false });
    return { cancel: () => timer.cancel() };
  }

  /**
   * Calls a registered function. Only one call can run at a time.
   *
   * @throws The error that the function throws; a {@linkcode StreaqError} when it cannot be called, or the thread is
   * terminated.
   */
  async call(call: ThreadCall): Promise<unknown> {
    return await this.#perform(call.module, call.fnName, { kind: "streaq:call", call });
  }

  #perform(module: string, fnName: string, order: Order): Promise<unknown> {
    if (this.isDead) return Promise.reject(this.#death(fnName));
    if (this.#running) {
      const other = this.#running.fnName;
      return Promise.reject(new StreaqError(`Cannot run task ${fnName} in this thread: it is running task ${other}`));
    }
    const running = this.#running = { fnName, module, ...deferred<unknown>() };
    if (this.#state === "new") this.#start(module);
    this.#worker?.ref();
    this.#order(order);
    return running.promise;
  }

  #start(module: string): void {
    this.#state = "starting";
    try {
      const worker = this.#worker = this.#options.start(module);
      worker.on("message", (report: Report) => this.#receive(report));
      worker.on("messageerror", (cause) => this.#refuse("read a message from", cause));
      worker.on("error", (error) => this.#cause = { error });
      worker.on("exit", () => this.#exit());
    } catch (error) {
      this.#cause = { error };
      this.#exit();
    }
  }

  /** Aborts the function's signal. */
  abort(reason: Error): void {
    if (this.#running) this.#order({ kind: "streaq:abort", reason: describeFailure(reason) });
  }

  /** Terminates the thread. A running call rejects with `reason`. */
  terminate(reason: Error): void {
    if (this.isDead) return;
    this.#state = "dead";
    this.#settle(reason);
    if (!this.#worker) return this.#exit();
    // A caller may wait for the exit, so the process must not exit before.
    this.#worker.ref();
    void this.#worker.terminate();
  }

  /** Returns the thread to its owner. It is terminated if a call is running. */
  release(): void {
    if (this.#running) {
      this.terminate(new StreaqError(`Task ${this.#running.fnName} was cut off: its thread was released`));
    }
    this.#options.owner.released(this);
  }

  #order(order: Order): void {
    if (this.#state === "starting") {
      this.#orders.push(order);
      return;
    }
    try {
      this.#worker?.postMessage(order);
    } catch (cause) {
      this.#refuse("pass the arguments to", cause);
    }
  }

  #receive(report: Report): void {
    switch (report?.kind) {
      case "streaq:ready":
        return this.#begin();
      case "streaq:unready":
        return this.terminate(this.#unreadiness(report.failure));
      case "streaq:done":
        return this.#settle(undefined, report.isTuple ? markTuple(report.value as unknown[]) : report.value);
      case "streaq:dying":
        this.#cause = { error: restoreThrown(report.thrown) };
        return this.terminate(this.#death(this.#running?.fnName));
      case "streaq:failed":
        this.#settle(report.refused ? ThreadRefusal.of(restoreThrown(report.thrown)) : restoreThrown(report.thrown));
        if (report.spent) this.terminate(new StreaqError("Cannot use the thread: it failed to import a module"));
    }
  }

  #begin(): void {
    if (this.isDead) return;
    this.#state = "ready";
    for (const order of this.#orders.splice(0)) this.#order(order);
  }

  #exit(): void {
    if (this.#running) this.#settle(this.#death(this.#running.fnName));
    this.#state = "dead";
    this.#exited.resolve();
    this.#options.owner.exited(this);
  }

  /** The error for a call that the exit of the thread cuts off. */
  #death(fnName?: string): StreaqError {
    const options = this.#cause ? { cause: this.#cause.error } : {};
    if (fnName === undefined) return new StreaqError("Thread exited", options);
    if (this.#state === "starting") return new StreaqError(`Cannot start a thread for task ${fnName}`, options);
    return new StreaqError(`Task ${fnName} was cut off: its thread exited`, options);
  }

  /** The error for a call in a thread whose module does not make it take orders. */
  #unreadiness(failure: ImportFailure | undefined): StreaqError {
    const { fnName = "none", module = "none" } = this.#running ?? {};
    return failure ? importError(module, restoreFailure(failure), failure.code) : unregisteredError(module, fnName);
  }

  /** Fails the running call, and only that, when a message cannot be cloned. */
  #refuse(action: string, cause: unknown): void {
    const thread = `the thread of task ${this.#running?.fnName}`;
    this.#settle(new ThreadRefusal(`Cannot ${action} ${thread}: structured cloning failed`, { cause }));
  }

  /** Settles the running call, if there is one. */
  #settle(error: Error | undefined, value?: unknown): void {
    const running = this.#running;
    if (!running) return;
    this.#running = undefined;
    this.#orders = [];
    this.#worker?.unref();
    if (error) running.reject(error);
    else running.resolve(value);
  }
}

function lateError(module: string, ms: number): StreaqError {
  return new StreaqError(`Cannot load module ${module} in a thread: its import did not finish within ${ms} ms`);
}
