import { Worker } from "node:worker_threads";
import { newInside } from "../context/inside.ts";
import { findTsx, needsTsx } from "./typescript.ts";

/** Starts a thread that takes orders as soon as it has said that it is ready. It does not keep the process alive. */
export function spawn(): Worker {
  const entry = entryUrl().href;
  const tsx = needsTsx(entry) ? findTsx(entry) : undefined;
  const thread = new Worker(bootstrap(entry, tsx), { workerData: newInside(tsx !== undefined), name: "streaq" });
  thread.unref();
  return thread;
}

/** In the sources it is a neighbour of this file; the build puts it beside whichever chunk this file is in. */
function entryUrl(): URL {
  const [, extension] = /\/spawn(\.[jt]s)$/.exec(new URL(import.meta.url).pathname) ?? [];
  return new URL(extension ? `./entry${extension}` : "./thread.js", import.meta.url);
}

/** A thread can be started from neither a TypeScript file, on Node, nor an https: URL, on Deno; both can be imported. */
function bootstrap(entry: string, tsx: string | undefined): URL {
  const register = tsx && `import { register } from ${JSON.stringify(tsx)};\nregister();\n`;
  const code = `${register ?? ""}await import(${JSON.stringify(entry)});\n`;
  return new URL(`data:text/javascript,${encodeURIComponent(code)}`);
}
