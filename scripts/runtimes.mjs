/** The three supported runtimes, how each runs the tests, and the programs of npm packages. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const isWindows = process.platform === "win32";

export const ROOT = fileURLToPath(new URL("..", import.meta.url));

// The files themselves: on Windows, programs in node_modules/.bin require a shell.
export const DENO = join(ROOT, "tools/node_modules/deno", isWindows ? "deno.exe" : "deno");
/** The package uses this name on every system. */
export const BUN = join(ROOT, "tools/node_modules/bun/bin/bun.exe");

/** Start of a command line of npm. On Windows npm is a shell script, so Node runs the file behind it. */
export const NPM = isWindows
  ? [process.execPath, join(dirname(process.execPath), "node_modules/npm/bin/npm-cli.js")]
  : ["npm"];

/**
 * @param {string} name An npm package in node_modules.
 * @param {string} program Name of its program.
 * @returns {string[]} Start of a command line of the program, without a shell.
 */
export function packageProgram(name, program = name) {
  const folder = join(ROOT, "node_modules", name);
  const { bin } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  return ["node", join(folder, typeof bin === "string" ? bin : bin[program])];
}

/**
 * The command line of each runtime for test files (paths from the root folder) and a JUnit report.
 *
 * @type {Record<string, (files: string[], report: string, denoConfig: string) => string[]>}
 */
export const TEST_COMMANDS = {
  deno: (files, report, denoConfig) => [
    ...[DENO, "test", "-A", "--no-check", "--config", denoConfig, `--junit-path=${report}`],
    ...files,
  ],
  // By default, Bun limits tests and hooks to 5 s; only this flag changes that. Without "./", Bun matches substrings.
  bun: (files, report) => [
    ...[BUN, "test", "--timeout", "60000", "--reporter=junit", `--reporter-outfile=${report}`],
    ...files.map((file) => `./${file}`),
  ],
  // The timeout also applies to a whole file: it stops a file that leaves a socket or a timer open.
  node: (files, report) => [
    ...["node", "--import", "tsx", "--test", "--test-timeout=120000"],
    ...["--test-reporter=spec", "--test-reporter-destination=stdout"],
    ...["--test-reporter=junit", `--test-reporter-destination=${report}`],
    ...files,
  ],
};
