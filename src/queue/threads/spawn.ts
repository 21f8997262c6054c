import { Worker } from "node:worker_threads";
import { newThreadGlobals } from "../context/thread_globals.ts";
import { findTsx, needsTsx } from "./tsx.ts";

/** Starts a thread. It takes orders once it has reported that it is ready, and does not keep the process alive. */
export function spawn(): Worker {
  const entry = entryUrl().href;
  const tsx = needsTsx(entry) ? findTsx(entry) : undefined;
  const thread = new Worker(bootstrap(entry, tsx), { workerData: newThreadGlobals(tsx !== undefined), name: "streaq" });
  thread.unref();
  return thread;
}

/** The URL of the entry point: beside this file in the sources, beside the chunk that contains this file in a build. */
function entryUrl(): URL {
  const [, extension] = /\/spawn(\.[jt]s)$/.exec(new URL(import.meta.url).pathname) ?? [];
  return new URL(extension ? `./entry${extension}` : "./thread.js", import.meta.url);
}

/** Imports the entry point through a data: URL: Node starts no thread from TypeScript, and Deno none from https:. */
function bootstrap(entry: string, tsx: string | undefined): URL {
  const register = tsx && `import { register } from ${JSON.stringify(tsx)};\nregister();\n`;
  const code = `${register ?? ""}await import(${JSON.stringify(entry)});\n`;
  return new URL(`data:text/javascript,${encodeURIComponent(code)}`);
}
