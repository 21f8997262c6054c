import { createRequire } from "node:module";
import process from "node:process";
import { pathToFileURL } from "node:url";

/** Whether this runtime needs tsx to import the module: Node does before 22.18, and in threads it does not inherit it. */
export function needsTsx(url: string): boolean {
  if (process.versions.deno || process.versions.bun) return false;
  const { typescript } = process.features as { typescript?: unknown };
  return !typescript && /\.[cm]?tsx?$/.test(new URL(url).pathname);
}

/** The URL of what registers tsx, as the module or the working directory sees it; `undefined` when it is not there. */
export function findTsx(url: string): string | undefined {
  const places = [url, pathToFileURL(`${process.cwd()}/`).href].filter((place) => place.startsWith("file:"));
  for (const place of places) {
    try {
      // What require() would get cannot register: it looks for its loader in the wrong folder.
      return pathToFileURL(createRequire(place).resolve("tsx/esm/api").replace(/\.cjs$/, ".mjs")).href;
    } catch {
      // Not installed there.
    }
  }
  return undefined;
}

/** Lets the thread that this runs in import TypeScript. */
export async function registerTsx(url: string): Promise<void> {
  const { register } = await import(url) as { register(): void };
  register();
}
