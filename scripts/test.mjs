/**
 * Runs the one suite on each runtime in turn: `npm test [-- [--runtime deno|bun|node] [part-of-a-path ...]]`.
 *
 * The last line is the total, `N passed, N failed[, N skipped]`, added up over the runtimes.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { chooseDenoConfig } from "./deno_config.mjs";
import { countTests, formatCounts } from "./junit.mjs";
import { ROOT, TEST_COMMANDS } from "./runtimes.mjs";

/** How long one runtime may take. Deno has no limit of its own for a test that hangs. */
const PATIENCE = 15 * 60_000;

try {
  process.chdir(ROOT);
  process.exitCode = main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

/** @param {string[]} args */
function main(args) {
  const { values, positionals: filters } = parseArgs({
    args,
    options: { runtime: { type: "string", multiple: true } },
    allowPositionals: true,
  });
  const runtimes = values.runtime ?? Object.keys(TEST_COMMANDS);
  const files = findTests(filters);
  if (files.length === 0) throw new Error(`No test file has this in its path: ${filters.join(" ")}`);
  const denoConfig = runtimes.includes("deno") ? chooseDenoConfig() : "deno.json";

  const results = runtimes.map((runtime) => ({ runtime, ...run(runtime, files, denoConfig) }));
  const problems = findProblems(results);

  console.log();
  for (const { runtime, seconds, ...counts } of results) {
    console.log(`${runtime.padEnd(4)}  ${formatCounts(counts)} in ${seconds.toFixed(1)} s`);
  }
  for (const problem of problems) console.log(problem);
  const total = sum(results);
  console.log(`\n${formatCounts(total)}`);
  return total.failed > 0 || problems.length > 0 ? 1 : 0;
}

/** @param {string[]} filters Parts of a path; a file is run when it has any of them. */
function findTests(filters) {
  const files = readdirSync("tests", { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".test.ts"))
    .map((file) => `tests/${file}`)
    .sort();
  if (filters.length === 0) return files;
  return files.filter((file) => filters.some((filter) => file.includes(filter.replace(/^\.\//, ""))));
}

/**
 * @param {string} runtime
 * @param {string[]} files
 * @param {string} denoConfig
 */
function run(runtime, files, denoConfig) {
  const commandLine = TEST_COMMANDS[runtime];
  if (!commandLine) throw new TypeError(`Expected deno, bun or node as the runtime: ${runtime}`);
  console.log(`\n== ${runtime}: ${files.length} files\n`);

  const folder = mkdtempSync(join(tmpdir(), "streaq-test-"));
  const report = join(folder, "report.xml");
  const started = performance.now();
  try {
    const [command = "", ...args] = commandLine(files, report, denoConfig);
    const { status, error } = spawnSync(command, args, {
      killSignal: "SIGKILL",
      stdio: ["ignore", "inherit", "inherit"],
      timeout: PATIENCE,
    });
    if (error) console.log(`${runtime} did not end by itself: ${error.message}`);
    const counts = countTests(readIfThere(report));
    // A file that does not load, or a hook that throws, may be missing from the report.
    if (status !== 0 && counts.failed === 0) counts.failed = 1;
    return { ...counts, seconds: (performance.now() - started) / 1000 };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** @param {string} file */
function readIfThere(file) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return ""; // The runner died before its report; its exit code tells.
  }
}

/**
 * What no single runner notices. Deno, for one, drops the tests of an asynchronous `describe` without a word.
 *
 * @param {({ runtime: string } & import("./junit.mjs").Counts)[]} results
 */
function findProblems(results) {
  const most = Math.max(...results.map(executed));
  return results.flatMap((result) => {
    if (executed(result) === 0) return [`${result.runtime} ran no test`];
    const missing = most - executed(result) - result.skipped;
    return missing > 0
      ? [`${result.runtime} ran ${missing} tests fewer than another runtime, and did not skip them`]
      : [];
  });
}

/** @param {import("./junit.mjs").Counts} counts */
function executed({ passed, failed }) {
  return passed + failed;
}

/** @param {import("./junit.mjs").Counts[]} results */
function sum(results) {
  return results.reduce((a, b) => ({
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    skipped: a.skipped + b.skipped,
  }));
}
