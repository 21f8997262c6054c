import type { AsyncLocalStorage } from "node:async_hooks";
import { workerData } from "node:worker_threads";
import type { Scope } from "./scope.ts";

/** Functions by the name of their task. */
export type ThreadRegistry = Map<string, (...args: unknown[]) => unknown>;

/**
 * What a thread has in one copy, however many copies of the library its modules resolve to. It lies in `workerData`,
 * which is one object in each thread, on every runtime.
 */
export interface Inside {
  /** By the URL of the module that they are registered with: two modules may use one name. */
  readonly registries: Map<string, ThreadRegistry>;
  /** Where the running task is found; put there by the first copy that looks. */
  scopes?: AsyncLocalStorage<Scope>;
  /** Whether TypeScript can be imported. */
  readsTypeScript: boolean;
}

/** The key in `workerData`; other threads of the program have theirs. */
const key = "@q/streaq";

/** The `workerData` of a new thread. */
export function newInside(readsTypeScript: boolean): Record<string, Inside> {
  return { [key]: { registries: new Map(), readsTypeScript } };
}

/** What this thread has; `undefined` on the main thread and in threads that are not ours. */
export function inside(): Inside | undefined {
  return (workerData as Record<string, Inside> | null | undefined)?.[key];
}

/**
 * Where a thread collects the functions that modules register; `undefined` on the main thread.
 *
 * @param module What the function's option `thread` says.
 */
export function threadRegistry(module: string): ThreadRegistry | undefined {
  const registries = inside()?.registries;
  if (!registries) return undefined;
  let registry = registries.get(module);
  if (!registry) registries.set(module, registry = new Map());
  return registry;
}
