import { readFileSync } from "node:fs";
import { defineConfig } from "tsup";

const { exports } = JSON.parse(readFileSync("deno.json", "utf8")) as { exports: Record<string, string> };

/** The same entry points as on JSR: "." becomes dist/index.js, "./redis" dist/redis.js. */
const entry = Object.fromEntries(
  Object.entries(exports).map(([name, file]) => [name === "." ? "index" : name.slice(2), file]),
);

export default defineConfig({
  entry,
  format: ["esm"],
  target: "node20",
  platform: "node",
  splitting: true,
  clean: true,
  // tsup still sets "baseUrl", which TypeScript 6 calls deprecated.
  dts: { entry, compilerOptions: { ignoreDeprecations: "6.0" } },
  // Deno needs the "node:" of node:net.
  removeNodeProtocol: false,
});
