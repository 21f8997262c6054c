/** The three runtimes that the library promises to work on, and how each runs the tests. */
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("..", import.meta.url));
export const DENO = `${ROOT}tools/node_modules/.bin/deno`;
export const BUN = `${ROOT}tools/node_modules/.bin/bun`;

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
