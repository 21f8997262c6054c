/**
 * Runs the tests on each runtime in turn: `npm test [-- [--runtime deno|bun|node] [part-of-a-path ...]]`; with `--long`
 * the long tests, `*.long.test.ts`, which are not run with every change.
 *
 * With STREAQ_TEST_REDIS=no it starts no Redis server, and skips and lists the files that need one. The last line is
 * the total over all runtimes: `N passed, N failed[, N skipped]`.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { chooseDenoConfig } from "./deno_config.mjs";
import { countTests, formatCounts } from "./junit.mjs";
import { ROOT, TEST_COMMANDS } from "./runtimes.mjs";
import { testsUseRedis } from "./switches.mjs";
import { findRedisTests, findTests } from "./test_files.mjs";

/**
 * How long a runtime may take, in milliseconds: twice as long as on a quiet machine. Deno has no timeout for a test
 * that hangs.
 */
const RUNTIME_TIMEOUT = 25 * 60_000;
/** Number of processes that share the files of a runtime: tests wait more than they compute. */
const SHARDS = 2;
/** With fewer files, a runtime has one process, whose output is shown immediately. */
const MIN_SHARDED_FILES = 10;

try {
  process.chdir(ROOT);
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

/** @param {string[]} args */
async function main(args) {
  const { values, positionals: filters } = parseArgs({
    args,
    options: { runtime: { type: "string", multiple: true }, long: { type: "boolean" } },
    allowPositionals: true,
  });
  const runtimes = values.runtime ?? Object.keys(TEST_COMMANDS);
  const found = findTests(filters, { long: values.long });
  if (found.length === 0) {
    throw new Error(`Cannot find tests: expected a part of the path of a test file, got ${filters.join(" ")}`);
  }
  const omitted = testsUseRedis() ? [] : omitRedisTests(found);
  const files = found.filter((file) => !omitted.includes(file));
  if (files.length === 0) throw new Error("Cannot run the tests without a Redis server: all of these files need one");
  const denoConfig = runtimes.includes("deno") ? chooseDenoConfig() : "deno.json";

  const results = [];
  for (const runtime of runtimes) {
    console.log(`\n== ${runtime}: ${files.length} files\n`);
    const started = performance.now();
    const shards = files.length < MIN_SHARDED_FILES ? [files] : shardsOf(files);
    const counts = await Promise.all(shards.map((shard) => run(runtime, shard, denoConfig, shards.length > 1)));
    results.push({ runtime, ...sum(counts), seconds: (performance.now() - started) / 1000 });
  }
  const problems = findProblems(results);

  console.log();
  for (const { runtime, seconds, ...counts } of results) {
    console.log(`${runtime.padEnd(4)}  ${formatCounts(counts)} in ${seconds.toFixed(1)} s`);
  }
  for (const problem of problems) console.log(problem);
  if (!testsUseRedis()) console.log(`Without Redis: ${omitted.length} of ${found.length} files were skipped`);
  const total = sum(results);
  console.log(`\n${formatCounts(total)}`);
  return total.failed > 0 || problems.length > 0 ? 1 : 0;
}

/**
 * Finds and prints the test files that need a Redis server.
 *
 * @param {string[]} files
 */
function omitRedisTests(files) {
  const found = findRedisTests(files);
  console.log(
    "STREAQ_TEST_REDIS=no: no Redis server is started, and the behaviour of the queue is tested in memory only.",
  );
  console.log(`Skipped, as they need a server: ${found.length} of ${files.length} files`);
  for (const file of found) console.log(`  ${file}`);
  return found;
}

/**
 * Divides files among processes. Neighbouring files take a similar time, so each process gets every other file.
 *
 * @param {string[]} files
 */
function shardsOf(files) {
  return Array.from({ length: SHARDS }, (_, shard) => files.filter((_, i) => i % SHARDS === shard));
}

/**
 * @param {string} runtime
 * @param {string[]} files
 * @param {string} denoConfig
 * @param {boolean} isOneOfSeveral Whether other processes run at the same time; its output is then printed at its end.
 */
async function run(runtime, files, denoConfig, isOneOfSeveral) {
  const commandLine = TEST_COMMANDS[runtime];
  if (!commandLine) throw new TypeError(`Cannot run tests on ${runtime}: expected deno, bun or node as the runtime`);
  const folder = mkdtempSync(join(tmpdir(), "streaq-test-"));
  const report = join(folder, "report.xml");
  try {
    const [command = "", ...args] = commandLine(files, report, denoConfig);
    const status = await perform(command, args, isOneOfSeveral);
    if (status === null) console.log(`${runtime} did not exit by itself`);
    const counts = countTests(readIfThere(report));
    // A file that cannot be loaded, or a hook that throws, may be missing in the report.
    if (status !== 0 && counts.failed === 0) counts.failed = 1;
    return counts;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * Runs a program. Resolves to its exit code, or to `null` if it had to be killed.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {boolean} isQuiet Whether to print its output at its end.
 * @returns {Promise<number | null>}
 */
async function perform(command, args, isQuiet) {
  const child = spawn(command, args, {
    killSignal: "SIGKILL",
    stdio: isQuiet ? ["ignore", "pipe", "pipe"] : ["ignore", "inherit", "inherit"],
    timeout: RUNTIME_TIMEOUT,
  });
  /** @type {Buffer[]} */
  const output = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => output.push(chunk));
  const [status] = await once(child, "close");
  process.stdout.write(Buffer.concat(output));
  return status;
}

/** @param {string} file */
function readIfThere(file) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return ""; // The runner died before it wrote the report, and has a non-zero exit code.
  }
}

/**
 * Finds problems that no single runner notices. For example, Deno drops the tests of an async `describe` without a
 * warning.
 *
 * @param {({ runtime: string } & import("./junit.mjs").Counts)[]} results
 */
function findProblems(results) {
  const most = Math.max(...results.map(executed));
  return results.flatMap((result) => {
    if (executed(result) === 0) return [`${result.runtime} ran no test`];
    const missing = most - executed(result) - result.skipped;
    return missing > 0
      ? [`${result.runtime} ran ${missing} fewer tests than another runtime, without skipping them`]
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
