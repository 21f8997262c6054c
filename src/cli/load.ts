import { statSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Worker } from "../queue/worker.ts";

/** Location of a worker: a module, and an export if one is given. */
export interface Location {
  /** Path or URL of the module, as given. */
  readonly module: string;
  /** Name of the export; `undefined` means `worker`, or `default` if there is no `worker`. */
  readonly name: string | undefined;
}

/** The public part of a {@linkcode Worker}, which may come from another copy of this package. */
export type LoadedWorker = Pick<Worker<unknown>, keyof Worker<unknown>>;

const identifier = /^[\p{ID_Start}$_][\p{ID_Continue}$_]*$/u;
/** Matches what precedes a colon that is part of the module: the scheme of a URL, or a drive letter. */
const scheme = /^(?:data|file|https?|jsr|node|npm|[a-z])$/i;
const url = /^(?:data|file|https?|jsr|node|npm):/i;

/** Parses `path/to/module.ts` and `path/to/module.ts:export`, also with a URL instead of a path. */
export function parseLocation(text: string): Location {
  const colon = text.lastIndexOf(":");
  const [module, name] = [text.slice(0, colon), text.slice(colon + 1)];
  if (colon < 1 || scheme.test(module) || !identifier.test(name)) return { module: text, name: undefined };
  return { module, name };
}

/** Returns the file of a module; `undefined` if its URL is not a file URL. */
export function fileOf({ module }: Location): URL | undefined {
  if (!url.test(module)) return pathToFileURL(resolve(module));
  return /^file:/i.test(module) ? new URL(module) : undefined;
}

/**
 * Imports a module and returns the worker that it exports.
 *
 * @throws If the module does not exist, cannot be imported, or does not export a worker.
 */
export async function loadWorker(location: Location): Promise<LoadedWorker> {
  const exports = await load(location);
  const name = location.name ?? ("worker" in exports ? "worker" : "default");
  if (!(name in exports)) {
    const expected = location.name === undefined ? "worker or default" : name;
    const names = Object.keys(exports).join(", ") || "no exports";
    throw new Error(`Cannot load a worker from ${location.module}: expected an export ${expected}, got ${names}`);
  }
  const value = exports[name];
  if (!isWorker(value)) {
    const expected = `expected export ${name} to be a Worker`;
    throw new Error(`Cannot load a worker from ${location.module}: ${expected}, got ${describe(value)}`);
  }
  return value;
}

async function load(location: Location): Promise<Record<string, unknown>> {
  const { module } = location;
  const file = fileOf(location);
  if (file && !statSync(file, { throwIfNoEntry: false })?.isFile()) {
    throw new Error(`Cannot load ${module}: no such file`);
  }
  try {
    return await import(file?.href ?? module);
  } catch (cause) {
    throw new Error(`Cannot load ${module}: ${explain(cause)}`, { cause });
  }
}

function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as { code?: unknown };
  if (code !== "ERR_UNKNOWN_FILE_EXTENSION" || !/"\.[cm]?tsx?"/.test(error.message)) return error.message;
  return "This version of Node needs tsx to run TypeScript. Install it (npm install tsx), and start Node with it: " +
    "node --import tsx node_modules/.bin/streaq ...";
}

function isWorker(value: unknown): value is LoadedWorker {
  const { run, close, id } = (value ?? {}) as Partial<LoadedWorker>;
  return typeof run === "function" && typeof close === "function" && typeof id === "string";
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== "object") return `a ${typeof value}`;
  return `an instance of ${Object.getPrototypeOf(value)?.constructor?.name ?? "no class"}`;
}
