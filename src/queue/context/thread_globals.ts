import type { AsyncLocalStorage } from "node:async_hooks";
import { workerData } from "node:worker_threads";
import type { Scope } from "./scope.ts";

/** Functions by the name of their task. */
export type ThreadRegistry = Map<string, (...args: unknown[]) => unknown>;

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
}

/** The key in `workerData`, which other threads of the program use too. */
const key = "@q/streaq";

/** Creates the `workerData` of a new thread. */
export function newThreadGlobals(readsTypeScript: boolean): Record<string, ThreadGlobals> {
  return { [key]: { registries: new Map(), readsTypeScript } };
}

/** The globals of this thread; `undefined` on the main thread, and in threads that the library did not start. */
export function threadGlobals(): ThreadGlobals | undefined {
  return (workerData as Record<string, ThreadGlobals> | null | undefined)?.[key];
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
  const registries = threadGlobals()?.registries;
  if (!registries) return undefined;
  let registry = registries.get(module);
  if (!registry) registries.set(module, registry = new Map());
  return registry;
}
