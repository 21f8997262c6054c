import process from "node:process";
import type { MessagePort } from "node:worker_threads";
import { StreaqError } from "../../base/errors.ts";
import { runInScope } from "../context/task_context.ts";
import type { ThreadGlobals } from "../context/thread_globals.ts";
import { describeFailure, restoreFailure } from "../records/failure.ts";
import { isTuple } from "../tasks/tuple.ts";
import { importError, unregisteredError } from "./import_error.ts";
import type { FailureOrigin, Order, Report, ThreadCall } from "./messages.ts";
import { describeThrown } from "./thrown.ts";
import { findTsx, needsTsx, registerTsx } from "./tsx.ts";

/** The inner side of a thread: runs registered functions, one at a time, on the orders of the main thread. */
export class Runner {
  readonly #port: MessagePort;
  readonly #globals: ThreadGlobals;
  /** Aborts the signal of the current call. */
  #controller: AbortController | undefined;

  constructor(port: MessagePort, globals: ThreadGlobals) {
    this.#port = port;
    this.#globals = globals;
  }

  /** Starts to handle orders. */
  listen(): void {
    this.#globals.isListening = true;
    this.#port.on("message", (order: Order) => {
      if (order.kind === "streaq:load") void this.#load(order.module);
      if (order.kind === "streaq:call") void this.#run(order.call);
      if (order.kind === "streaq:abort") this.#controller?.abort(restoreFailure(order.reason));
    });
    process.on("uncaughtException", (error) => this.#reportDeath("uncaughtException", error));
    process.on("unhandledRejection", (error) => this.#reportDeath("unhandledRejection", error));
    this.#report({ kind: "streaq:ready" });
  }

  /** Reports an uncaught error, of which the runtimes pass on little, unless a module handles the event itself. */
  #reportDeath(event: "uncaughtException" | "unhandledRejection", error: unknown): void {
    if (process.listenerCount(event) === 1) this.#report({ kind: "streaq:dying", thrown: describeThrown(error) });
  }

  async #load(module: string): Promise<void> {
    this.#report(await this.#import(module) ?? { kind: "streaq:done", value: undefined });
  }

  async #run(call: ThreadCall): Promise<void> {
    this.#controller = new AbortController();
    const { signal } = this.#controller;
    const report = await this.#import(call.module) ?? await this.#call(call, signal);
    this.#controller = undefined;
    try {
      this.#report(report);
    } catch (cause) {
      const thread = `the thread of task ${call.fnName}`;
      this.#report(
        failed(new StreaqError(`Cannot pass the result out of ${thread}: structured cloning failed`, { cause }), {
          refused: true,
        }),
      );
    }
  }

  /** Imports a module, which registers its functions; returns a report when that fails. */
  async #import(url: string): Promise<Report | undefined> {
    try {
      await this.#prepare(url);
      this.#globals.importing = url;
      await import(url);
      this.#globals.importing = undefined;
      return undefined;
    } catch (thrown) {
      const { code } = Object(thrown) as { code?: unknown };
      return failed(importError(url, restoreFailure(describeFailure(thrown)), code), { refused: true, spent: true });
    }
  }

  async #prepare(url: string): Promise<void> {
    if (this.#globals.readsTypeScript || !needsTsx(url)) return;
    // Without tsx, another loader may be installed.
    const tsx = findTsx(url);
    if (!tsx) return;
    await registerTsx(tsx);
    this.#globals.readsTypeScript = true;
  }

  async #call({ module, fnName, args, context, queueName }: ThreadCall, signal: AbortSignal): Promise<Report> {
    const fn = this.#globals.registries.get(module)?.get(fnName);
    if (!fn) return failed(unregisteredError(module, fnName), { refused: true });
    const scope = { task: { ...context, signal }, workerContext: undefined, queueName, inThread: true };
    try {
      const value = await runInScope(scope, () => fn(...args));
      // Structured cloning drops the mark of a tuple.
      return { kind: "streaq:done", value, isTuple: isTuple(value) };
    } catch (error) {
      return failed(error);
    }
  }

  #report(report: Report): void {
    this.#port.postMessage(report);
  }
}

function failed(error: unknown, origin: FailureOrigin = {}): Report {
  return { kind: "streaq:failed", thrown: describeThrown(error), ...origin };
}
