/** Chooses the configuration of Deno: deno.json, or one with a stand-in for `@std/assert` if JSR is not reachable. */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { DENO, ROOT } from "./runtimes.mjs";

/** How long JSR may take to respond, in milliseconds. */
const JSR_TIMEOUT = 20_000;

/** @returns {string} The file to pass as `--config`. Prints which `@std/assert` is used and why. */
export function chooseDenoConfig() {
  const config = JSON.parse(readFileSync(`${ROOT}deno.json`, "utf8"));
  const specifier = config.imports["@std/assert"];
  if (canImport(specifier)) {
    console.log(`@std/assert: ${specifier}`);
    return "deno.json";
  }
  const links = ["./tests/std_assert"];
  writeFileSync(`${ROOT}deno.offline.json`, JSON.stringify({ ...config, links }, null, 2) + "\n");
  console.log(`@std/assert: ${links[0]} (JSR did not provide ${specifier})`);
  return "deno.offline.json";
}

/** @param {string} specifier */
function canImport(specifier) {
  const code = `import ${JSON.stringify(specifier)}`;
  const probe = spawnSync(DENO, ["eval", "--no-lock", "--no-config", code], { stdio: "ignore", timeout: JSR_TIMEOUT });
  return probe.status === 0;
}
