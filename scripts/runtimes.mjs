/** The three runtimes that the library promises to work on, how each runs the tests, and the programs of npm packages. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const isWindows = process.platform === "win32";

export const ROOT = fileURLToPath(new URL("..", import.meta.url));

// The files themselves: Windows starts nothing that is in node_modules/.bin without a shell.
export const DENO = join(ROOT, "tools/node_modules/deno", isWindows ? "deno.exe" : "deno");
/** The package names it so on every system. */
export const BUN = join(ROOT, "tools/node_modules/bun/bin/bun.exe");

/** The start of a command line of npm. On Windows npm is a shell script, so there Node runs npm's own file. */
export const NPM = isWindows
  ? [process.execPath, join(dirname(process.execPath), "node_modules/npm/bin/npm-cli.js")]
  : ["npm"];

/**
 * @param {string} name An npm package of the root that has a program.
 * @param {string} program
 * @returns {string[]} The start of its command line, which needs no shell.
 */
export function packageProgram(name, program = name) {
  const folder = join(ROOT, "node_modules", name);
  const { bin } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  return ["node", join(folder, typeof bin === "string" ? bin : bin[program])];
}

/**
 * Each entry gives the command line for test files (paths from the root) and a file for the JUnit report.
 *
 * @type {Record<string, (files: string[], report: string, denoConfig: string) => string[]>}
 */
export const TEST_COMMANDS = {
  deno: (files, report, denoConfig) => [
    ...[DENO, "test", "-A", "--no-check", "--config", denoConfig, `--junit-path=${report}`],
    ...files,
  ],
  // Bun's own limit of 5 s rules hooks too, and only this flag lifts it. Without the "./" a file is a substring.
  bun: (files, report) => [
    ...[BUN, "test", "--timeout", "60000", "--reporter=junit", `--reporter-outfile=${report}`],
    ...files.map((file) => `./${file}`),
  ],
  // The limit bounds a whole file as well. It ends what leaves a socket or a timer open.
  node: (files, report) => [
    ...["node", "--import", "tsx", "--test", "--test-timeout=120000"],
    ...["--test-reporter=spec", "--test-reporter-destination=stdout"],
    ...["--test-reporter=junit", `--test-reporter-destination=${report}`],
    ...files,
  ],
};
