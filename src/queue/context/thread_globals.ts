import type { AsyncLocalStorage } from "node:async_hooks";
import { workerData } from "node:worker_threads";
import { StreaqError } from "../../base/errors.ts";
import type { Scope } from "./scope.ts";

type ThreadFunction = (...args: unknown[]) => unknown;

/**
 * Functions by the name of their task.
 *
 * In a bundle all modules have one URL. If two functions have the same name there, a call could reach the wrong one, so
 * it fails. A function that another module registers with this module's URL is used only while the module has none.
 */
export class ThreadRegistry extends Map<string, ThreadFunction> {
  readonly #isImporting: () => boolean;
  /** Functions that the module itself registered. */
  readonly #own = new Map<string, ThreadFunction>();

  /** @param isImporting Returns whether the module is being imported. */
  constructor(isImporting: () => boolean) {
    super();
    this.#isImporting = isImporting;
  }

  override set(fnName: string, fn: ThreadFunction): this {
    const own = this.#own.get(fnName);
    if (!this.#isImporting()) return own ? this : super.set(fnName, fn);
    this.#own.set(fnName, fn);
    return super.set(fnName, own === undefined || own === fn ? fn : refuse.bind(undefined, fnName));
  }
}

/**
 * State that exists once in each thread, however many copies of the library its modules load. It is stored in
 * `workerData`, which is one object in each thread, on every runtime.
 */
export interface ThreadGlobals {
  /** Registries by the URL of the module that registers the functions: two modules may use the same name. */
  readonly registries: Map<string, ThreadRegistry>;
  /** The scope of the running task; created by the first copy of the library that needs it. */
  scopes?: AsyncLocalStorage<Scope>;
  /** Whether TypeScript can be imported. */
  readsTypeScript: boolean;
  /** Whether a copy of the library takes orders: the first one in which a task for threads is registered. */
  isListening: boolean;
  /** The URL of the module that is being imported. */
  importing: string | undefined;
}

/** The key in `workerData`, which other threads of the program use too. */
export const threadGlobalsKey = "@q/streaq";

/** Creates the `workerData` of a new thread, which imports `module` first. */
export function newThreadGlobals(module: string, readsTypeScript: boolean): Record<string, ThreadGlobals> {
  const globals = { registries: new Map(), readsTypeScript, isListening: false, importing: module };
  return { [threadGlobalsKey]: globals };
}

/** The globals of this thread; `undefined` on the main thread, and in threads that the library did not start. */
export function threadGlobals(): ThreadGlobals | undefined {
  return (workerData as Record<string, ThreadGlobals> | null | undefined)?.[threadGlobalsKey];
}

/** Whether this is a thread in which tasks run. */
export function isInThread(): boolean {
  return threadGlobals() !== undefined;
}

/**
 * The registry of a module's functions in this thread; `undefined` on the main thread.
 *
 * @param module The option `thread` of the functions.
 */
export function threadRegistry(module: string): ThreadRegistry | undefined {
  const globals = threadGlobals();
  if (!globals) return undefined;
  let registry = globals.registries.get(module);
  if (!registry) globals.registries.set(module, registry = new ThreadRegistry(() => globals.importing === module));
  return registry;
}

function refuse(fnName: string): never {
  throw new StreaqError(`Cannot run task ${fnName} in a thread: its module registers two functions of this name`);
}
