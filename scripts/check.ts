/**
 * Runs all checks, or those given: `npm run check [-- name ...]`. Each prints one line, and the problems below it.
 */
import process from "node:process";
import { commands } from "./check/commands.ts";
import type { Gate } from "./check/gate.ts";
import { github } from "./check/github.ts";
import { imports } from "./check/imports.ts";
import { keys } from "./check/keys.ts";
import { length } from "./check/length.ts";
import { manifests } from "./check/manifests.ts";
import { npm } from "./check/npm.ts";
import { tests } from "./check/tests.ts";
import { time } from "./check/time.ts";
import { chooseDenoConfig } from "./deno_config.mjs";
import { ROOT } from "./runtimes.mjs";

const gates: readonly Gate[] = [...commands, imports, keys, time, tests, length, manifests, github, npm];

process.chdir(ROOT);
process.exitCode = main(process.argv.slice(2));

function main(names: readonly string[]): number {
  const unknown = names.filter((name) => !gates.some((gate) => gate.name === name));
  if (unknown.length > 0) {
    const known = gates.map(({ name }) => name).join(", ");
    console.error(`Cannot run checks: expected any of ${known}, got ${unknown.join(", ")}`);
    return 1;
  }
  const denoConfig = chooseDenoConfig();
  const chosen = gates.filter(({ name }) => names.length === 0 || names.includes(name));
  const failed = chosen.filter((gate) => !passes(gate, denoConfig));
  console.log(failed.length === 0 ? "\nAll checks passed" : `\nFailed: ${failed.map(({ name }) => name).join(", ")}`);
  return failed.length === 0 ? 0 : 1;
}

/** Runs a check and prints its line, with its problems and notes below. */
function passes(gate: Gate, denoConfig: string): boolean {
  const problems: string[] = [];
  const notes: string[] = [];
  const started = performance.now();
  try {
    gate.run({ denoConfig, problem: (text) => void problems.push(text), note: (text) => void notes.push(text) });
  } catch (error) {
    problems.push(error instanceof Error ? error.message : String(error));
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${problems.length === 0 ? "ok    " : "FAILED"}  ${gate.name.padEnd(14)}${seconds} s`);
  for (const text of [...problems, ...notes]) console.log(text.replace(/^/gm, "        "));
  return problems.length === 0;
}
