/** Which configuration Deno gets: the real one, or one in which `@std/assert` is our stand-in where JSR is silent. */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { DENO, ROOT } from "./runtimes.mjs";

/** How long JSR may take to answer before it counts as silent. */
const PATIENCE = 20_000;

/** @returns {string} The file to pass as `--config`. Prints which one it is and why. */
export function chooseDenoConfig() {
  const config = JSON.parse(readFileSync(`${ROOT}deno.json`, "utf8"));
  const wanted = config.imports["@std/assert"];
  if (answers(wanted)) {
    console.log(`@std/assert: ${wanted}`);
    return "deno.json";
  }
  const links = ["./tests/std_assert"];
  writeFileSync(`${ROOT}deno.offline.json`, JSON.stringify({ ...config, links }, null, 2) + "\n");
  console.log(`@std/assert: ${links[0]} (JSR did not answer for ${wanted})`);
  return "deno.offline.json";
}

/** @param {string} specifier */
function answers(specifier) {
  const code = `import ${JSON.stringify(specifier)}`;
  const probe = spawnSync(DENO, ["eval", "--no-lock", "--no-config", code], { stdio: "ignore", timeout: PATIENCE });
  return probe.status === 0;
}
