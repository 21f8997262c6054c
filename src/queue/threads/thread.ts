import type { Worker } from "node:worker_threads";
import { type Deferred, deferred } from "../../base/async.ts";
import { StreaqError } from "../../base/errors.ts";
import { describeFailure } from "../records/failure.ts";
import type { Order, Report, ThreadCall } from "./messages.ts";
import { restoreThrown } from "./thrown.ts";
import { markTuple } from "../tasks/tuple.ts";

/** Whose a {@linkcode Thread} is. */
export interface ThreadOwner {
  /** The thread is free again, or dead. */
  released(thread: Thread): void;
  /** The thread has ended, for whatever reason. */
  ended(thread: Thread): void;
}

/** The call under way. */
interface Running extends Deferred<unknown> {
  readonly fnName: string;
}

/**
 * A thread as the main thread sees it. It is `starting` until it says that it is ready, and keeps its orders until then;
 * `dead` once it was told to end, or ended by itself. The call under way is `running`; a dead thread has none.
 */
export class Thread {
  readonly #worker: Worker;
  readonly #owner: ThreadOwner;
  readonly #exited = deferred<void>();
  #state: "starting" | "ready" | "dead" = "starting";
  #running: Running | undefined;
  #orders: Order[] = [];
  /** Modules that were imported. */
  readonly #loaded = new Set<string>();
  /** What it dies of: there is an error first, then the end. */
  #cause: { readonly error: unknown } | undefined;

  constructor(worker: Worker, owner: ThreadOwner) {
    this.#worker = worker;
    this.#owner = owner;
    worker.on("message", (report: Report) => this.#receive(report));
    worker.on("messageerror", (cause) => this.#refuse("read what came out of", cause));
    worker.on("error", (error) => this.#cause = { error });
    worker.on("exit", () => this.#exit());
  }

  /** Whether it has ended, or is about to. */
  get isDead(): boolean {
    return this.#state === "dead";
  }

  /** Resolves when it has ended. */
  get exited(): Promise<void> {
    return this.#exited.promise;
  }

  /**
   * Imports a module, unless that was done before, so that a call begins at once.
   *
   * @throws {StreaqError} When that fails, or the thread died.
   */
  async load(module: string, fnName: string): Promise<void> {
    if (this.#loaded.has(module)) return;
    await this.#perform(fnName, { kind: "streaq:load", module });
    this.#loaded.add(module);
  }

  /**
   * Runs a registered function, one at a time.
   *
   * @throws What the function throws; a {@linkcode StreaqError} when it could not be called, or the thread died.
   */
  async call(call: ThreadCall): Promise<unknown> {
    return await this.#perform(call.fnName, { kind: "streaq:call", call });
  }

  #perform(fnName: string, order: Order): Promise<unknown> {
    if (this.isDead) return Promise.reject(this.#death(fnName));
    if (this.#running) return Promise.reject(new StreaqError(`The thread runs another task: ${this.#running.fnName}`));
    const running = this.#running = { fnName, ...deferred<unknown>() };
    this.#worker.ref();
    this.#order(order);
    return running.promise;
  }

  /** Aborts the signal that the function sees. */
  abort(reason: Error): void {
    if (this.#running) this.#order({ kind: "streaq:abort", reason: describeFailure(reason) });
  }

  /** Ends the thread; the call under way rejects with `reason`. */
  terminate(reason: Error): void {
    if (this.isDead) return;
    this.#state = "dead";
    this.#settle(reason);
    // Whoever waits for the end shall see it.
    this.#worker.ref();
    void this.#worker.terminate();
  }

  /** Gives the thread back. One that still runs something is ended. */
  release(): void {
    if (this.#running) {
      this.terminate(new StreaqError(`The thread was released while it ran task: ${this.#running.fnName}`));
    }
    this.#owner.released(this);
  }

  #order(order: Order): void {
    if (this.#state === "starting") {
      this.#orders.push(order);
      return;
    }
    try {
      this.#worker.postMessage(order);
    } catch (cause) {
      this.#refuse("pass the arguments into", cause);
    }
  }

  #receive(report: Report): void {
    switch (report?.kind) {
      case "streaq:ready":
        return this.#begin();
      case "streaq:done":
        return this.#settle(undefined, report.isTuple ? markTuple(report.value as unknown[]) : report.value);
      case "streaq:dying":
        this.#cause = { error: restoreThrown(report.thrown) };
        return this.terminate(this.#death(this.#running?.fnName));
      case "streaq:failed":
        this.#settle(restoreThrown(report.thrown));
        if (report.spent) this.terminate(new StreaqError("The thread cannot import the module"));
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
    this.#owner.ended(this);
  }

  #death(fnName = "none"): StreaqError {
    const options = this.#cause ? { cause: this.#cause.error } : {};
    if (this.#state === "starting") return new StreaqError(`The thread did not start for task: ${fnName}`, options);
    return new StreaqError(`The thread ended under task: ${fnName}`, options);
  }

  /** What structured cloning refuses fails the call, and no more. */
  #refuse(what: string, cause: unknown): void {
    this.#settle(new StreaqError(`Cannot ${what} the thread of task: ${this.#running?.fnName}`, { cause }));
  }

  /** Ends the call under way, if there is one. */
  #settle(error: Error | undefined, value?: unknown): void {
    const running = this.#running;
    if (!running) return;
    this.#running = undefined;
    this.#orders = [];
    this.#worker.unref();
    if (error) running.reject(error);
    else running.resolve(value);
  }
}
