import { createRequire } from "node:module";
import process from "node:process";
import { pathToFileURL } from "node:url";

/** Whether this runtime needs tsx to import a module, as Node before 22.18 does. Its threads do not inherit a loader. */
export function needsTsx(url: string): boolean {
  if (process.versions.deno || process.versions.bun) return false;
  const { typescript } = process.features as { typescript?: unknown };
  return !typescript && URL.canParse(url) && /\.[cm]?tsx?$/.test(new URL(url).pathname);
}

/** The URL of the module that registers tsx, resolved from `url` or the working directory; `undefined` without tsx. */
export function findTsx(url: string): string | undefined {
  const places = [url, pathToFileURL(`${process.cwd()}/`).href].filter((place) => place.startsWith("file:"));
  for (const place of places) {
    try {
      // The CommonJS build, to which require() resolves, looks for its loader in the wrong folder.
      return pathToFileURL(createRequire(place).resolve("tsx/esm/api").replace(/\.cjs$/, ".mjs")).href;
    } catch {
      // Not installed there.
    }
  }
  return undefined;
}

/** Registers tsx, so that this thread can import TypeScript. */
export async function registerTsx(url: string): Promise<void> {
  const { register } = await import(url) as { register(): void };
  register();
}
