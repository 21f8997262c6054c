import { Worker } from "node:worker_threads";
import { newThreadGlobals } from "../context/thread_globals.ts";
import { bootstrap } from "./bootstrap.ts";
import { findTsx, needsTsx } from "./tsx.ts";

/**
 * Starts a thread. It takes orders once it has reported that it is ready, and does not keep the process alive.
 *
 * @param module The URL of the module that the thread imports first.
 */
export function spawn(module: string): Worker {
  const tsx = needsTsx(module) ? findTsx(module) : undefined;
  const workerData = newThreadGlobals(module, tsx !== undefined);
  const thread = new Worker(bootstrap(module, tsx), { workerData, name: "streaq" });
  thread.unref();
  return thread;
}
