import { statSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Worker } from "../queue/worker.ts";

/** Where a worker is: a module, and the name of an export if one is given. */
export interface Location {
  /** The path or the URL of the module, as it was given. */
  readonly module: string;
  /** `undefined`: `worker`, or else `default`. */
  readonly name: string | undefined;
}

/** What of a {@linkcode Worker} the command line needs. It may come from another copy of this package than ours. */
export type Runnable = Pick<Worker<unknown>, "run" | "close" | "id" | "queueName" | "logLevel">;

const identifier = /^[\p{ID_Start}$_][\p{ID_Continue}$_]*$/u;
/** What stands before a colon that belongs to the module: the scheme of a URL, or the letter of a drive. */
const scheme = /^(?:data|file|https?|jsr|node|npm|[a-z])$/i;
const url = /^(?:data|file|https?|jsr|node|npm):/i;

/** Reads `path/to/module.ts`, `path/to/module.ts:export`, and the same with a URL. */
export function parseLocation(text: string): Location {
  const colon = text.lastIndexOf(":");
  const [module, name] = [text.slice(0, colon), text.slice(colon + 1)];
  if (colon < 1 || scheme.test(module) || !identifier.test(name)) return { module: text, name: undefined };
  return { module, name };
}

/** The file that a module is in; `undefined` when it is a URL of another kind. */
export function fileOf({ module }: Location): URL | undefined {
  if (!url.test(module)) return pathToFileURL(resolve(module));
  return /^file:/i.test(module) ? new URL(module) : undefined;
}

/**
 * Imports a module, and finds the worker that it exports.
 *
 * @throws When there is no such module, it cannot be imported, or has no such export.
 */
export async function loadWorker(location: Location): Promise<Runnable> {
  const exports = await load(location);
  const name = location.name ?? ("worker" in exports ? "worker" : "default");
  if (!(name in exports)) {
    const wanted = location.name === undefined ? "worker or default" : name;
    const names = Object.keys(exports).join(", ") || "nothing";
    throw new Error(`No export ${wanted} in ${location.module}, which exports ${names}`);
  }
  const value = exports[name];
  if (!isWorker(value)) {
    throw new Error(`Expected a Worker as the export ${name} of ${location.module}: ${show(value)}`);
  }
  return value;
}

async function load(location: Location): Promise<Record<string, unknown>> {
  const { module } = location;
  const file = fileOf(location);
  if (file && !statSync(file, { throwIfNoEntry: false })?.isFile()) throw new Error(`No such file: ${module}`);
  try {
    return await import(file?.href ?? module);
  } catch (cause) {
    throw new Error(`Could not load ${module}: ${explain(cause)}`, { cause });
  }
}

function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as { code?: unknown };
  if (code !== "ERR_UNKNOWN_FILE_EXTENSION" || !/"\.[cm]?tsx?"/.test(error.message)) return error.message;
  return "This version of Node runs TypeScript only with help. Install tsx (npm install tsx), and start Node with it: " +
    "node --import tsx node_modules/.bin/streaq run ...";
}

function isWorker(value: unknown): value is Runnable {
  const { run, close, id } = (value ?? {}) as Partial<Runnable>;
  return typeof run === "function" && typeof close === "function" && typeof id === "string";
}

function show(value: unknown): string {
  if (typeof value !== "object" || value === null) return `a ${typeof value}`;
  return `a ${Object.getPrototypeOf(value)?.constructor?.name ?? "object"}`;
}
