import { build } from "esbuild";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** Where the programs are written: in `node_modules`, which no check looks into. */
export const BUNDLES = fileURLToPath(new URL("../node_modules/.bench", import.meta.url));

/**
 * Bundles the programs of the measured processes, so that no loader of TypeScript takes part in them. The library is
 * bundled as for npm; the peers are loaded from `node_modules`, as an application would.
 */
export async function bundleSides(): Promise<void> {
  const { dependencies } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  await build({
    absWorkingDir: ROOT,
    entryPoints: ["sides/queue.ts", "sides/client.ts", "systems/*.ts", "clients/*.ts"],
    outdir: BUNDLES,
    outbase: ".",
    // Only this shows a runtime that these are modules.
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20",
    external: Object.keys(dependencies),
    logLevel: "warning",
  });
}
