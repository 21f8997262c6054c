import process from "node:process";
import type { MessagePort } from "node:worker_threads";
import { StreaqError } from "../../base/errors.ts";
import { runInScope } from "../context/task_context.ts";
import { restoreFailure } from "../records/failure.ts";
import type { Inside } from "../context/inside.ts";
import type { Order, Report, ThreadCall } from "./messages.ts";
import { describeThrown } from "./thrown.ts";
import { isTuple } from "../tasks/tuple.ts";
import { findTsx, needsTsx, registerTsx } from "./typescript.ts";

/** The inner end of a thread: runs the functions that it is told to, one at a time. */
export class Runner {
  readonly #port: MessagePort;
  readonly #inside: Inside;
  /** Aborts the signal of the call under way. */
  #controller: AbortController | undefined;

  constructor(port: MessagePort, inside: Inside) {
    this.#port = port;
    this.#inside = inside;
  }

  /** Takes orders from now on. */
  listen(): void {
    this.#port.on("message", (order: Order) => {
      if (order.kind === "streaq:load") void this.#load(order.module);
      if (order.kind === "streaq:call") void this.#run(order.call);
      if (order.kind === "streaq:abort") this.#controller?.abort(restoreFailure(order.reason));
    });
    process.on("uncaughtException", (error) => this.#fall("uncaughtException", error));
    process.on("unhandledRejection", (error) => this.#fall("unhandledRejection", error));
    this.#report({ kind: "streaq:ready" });
  }

  /** Says itself what it dies of: the runtimes pass on little of an error. A module that takes care of it is left alone. */
  #fall(event: "uncaughtException" | "unhandledRejection", error: unknown): void {
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
      this.#report(
        failed(new StreaqError(`Cannot pass the result out of the thread of task: ${call.fnName}`, { cause })),
      );
    }
  }

  /** Imports the module, which registers its functions; returns the report when that fails. */
  async #import(url: string): Promise<Report | undefined> {
    try {
      if (!URL.canParse(url)) throw new TypeError(`Invalid thread, expected import.meta.url: ${url}`);
      await this.#prepare(url);
      await import(url);
      return undefined;
    } catch (cause) {
      return failed(
        new StreaqError(`Cannot import the module in a thread${hint(url, cause)}: ${url}`, { cause }),
        true,
      );
    }
  }

  async #prepare(url: string): Promise<void> {
    if (this.#inside.readsTypeScript || !needsTsx(url)) return;
    // Where there is none, another loader may do.
    const tsx = findTsx(url);
    if (!tsx) return;
    await registerTsx(tsx);
    this.#inside.readsTypeScript = true;
  }

  async #call({ module, fnName, args, context, queueName }: ThreadCall, signal: AbortSignal): Promise<Report> {
    const fn = this.#inside.registries.get(module)?.get(fnName);
    if (!fn) return failed(new StreaqError(`The module does not register the task ${fnName}: ${module}`));
    const scope = { task: { ...context, signal }, workerContext: undefined, queueName, inThread: true };
    try {
      const value = await runInScope(scope, () => fn(...args));
      // The mark of a tuple does not survive the trip.
      return { kind: "streaq:done", value, isTuple: isTuple(value) };
    } catch (error) {
      return failed(error);
    }
  }

  #report(report: Report): void {
    this.#port.postMessage(report);
  }
}

function failed(error: unknown, spent = false): Report {
  return { kind: "streaq:failed", thrown: describeThrown(error), spent };
}

/** What to do about it, where that is known. */
function hint(url: string, error: unknown): string {
  const { code } = Object(error) as { code?: unknown };
  if (code !== "ERR_UNKNOWN_FILE_EXTENSION" || !needsTsx(url)) return "";
  return ", as Node before 22.18 needs it built to JavaScript, or tsx installed";
}
