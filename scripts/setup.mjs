/**
 * Installs missing dependencies for development: npm packages, Deno and Bun (in tools/), and programs for the tests.
 *
 * It requires Node and npm only, and does nothing if nothing is missing. Before it installs something, it prints its
 * name, the reason and the command. With STREAQ_SETUP=no it installs nothing: it prints the commands and fails.
 */
import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, realpathSync, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { NPM, ROOT } from "./runtimes.mjs";
import { mayInstall, testsUseRedis } from "./switches.mjs";

/** Programs that the tests start, and why. */
const PROGRAMS = [
  { command: "redis-server", reason: "the tests start servers of their own", debian: "redis-server", brew: "redis" },
  { command: "openssl", reason: "the tests create certificates with it", debian: "openssl", brew: "openssl" },
];

/**
 * A missing dependency and the commands that install it. With an `obstacle`, the script cannot run them.
 *
 * @typedef {{ what: string, commands: string[][], obstacle?: string, hint?: string }} Step
 */

const WITHOUT_REDIS = "Or set STREAQ_TEST_REDIS=no to skip the tests that need a server.";

/** Installs every missing dependency. */
export function setUp() {
  install([...missingPackages("."), ...missingPackages("tools"), ...missingPrograms()]);
}

/** @param {string} folder A folder with a lock file, relative to the root. */
export function installPackages(folder) {
  install(missingPackages(folder));
}

/** @param {Step[]} steps */
function install(steps) {
  if (steps.length === 0) return;
  if (!mayInstall()) throw new Error(`Cannot set up: STREAQ_SETUP=no forbids installing.\n${explain(steps)}`);
  for (const step of steps) {
    if (step.obstacle) throw new Error(`Cannot set up: ${step.obstacle}.\n${explain([step])}`);
    console.log(`Missing: ${step.what}. Installing (STREAQ_SETUP=no prevents this):`);
    for (const command of step.commands) run(command);
  }
}

/**
 * Packages count as missing if the lock file is newer than they are.
 *
 * @param {string} folder
 * @returns {Step[]}
 */
function missingPackages(folder) {
  const lock = join(ROOT, folder, "package-lock.json");
  const installed = join(ROOT, folder, "node_modules/.package-lock.json");
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return [];
  const where = folder === "." ? [] : ["--prefix", folder];
  return [{ what: `the npm packages of ${join(folder, "package-lock.json")}`, commands: [["npm", "ci", ...where]] }];
}

/**
 * A server that is already running is not used: the tests start servers of their own on free ports.
 *
 * @returns {Step[]}
 */
function missingPrograms() {
  if (!testsUseRedis()) {
    console.log("STREAQ_TEST_REDIS=no: redis-server and openssl are not required");
    return [];
  }
  const missing = PROGRAMS.filter(({ command }) => !isOnPath(command));
  if (missing.length === 0) return [];
  const what = missing.map(({ command, reason }) => `${command} (${reason})`).join(", ");
  return [{ what, hint: WITHOUT_REDIS, ...chooseInstaller(missing) }];
}

/**
 * @param {typeof PROGRAMS} programs
 * @returns {Pick<Step, "commands" | "obstacle">}
 */
function chooseInstaller(programs) {
  if (isOnPath("apt-get")) {
    const isRoot = process.getuid?.() === 0;
    const apt = [...isRoot ? [] : ["sudo"], "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qy"];
    const install = [...apt, "install", "--no-install-recommends", ...programs.map(({ debian }) => debian)];
    const obstacle = isRoot || succeeds("sudo", "-n", "true") ? undefined : "sudo is missing or asks for a password";
    return { commands: [[...apt, "update"], install], obstacle };
  }
  if (isOnPath("brew")) return { commands: [["brew", "install", ...programs.map(({ brew }) => brew)]] };
  return { commands: [], obstacle: "neither apt-get nor brew is on the PATH" };
}

/** @param {Step[]} steps */
function explain(steps) {
  return steps.flatMap(({ what, commands, hint }) => [
    `Missing: ${what}. Install ${commands.length > 0 ? "with:" : "with the package manager of this system."}`,
    ...commands.map((command) => `  ${command.join(" ")}`),
    ...hint ? [hint] : [],
  ]).join("\n");
}

/** @param {string[]} commandLine */
function run(commandLine) {
  console.log(`> ${commandLine.join(" ")}`);
  const [command = "", ...args] = commandLine[0] === "npm" ? [...NPM, ...commandLine.slice(1)] : commandLine;
  const { status, error } = spawnSync(command, args, { cwd: ROOT, stdio: ["ignore", "inherit", "inherit"] });
  if (status !== 0) throw new Error(`Cannot set up: this command failed: ${commandLine.join(" ")}`, { cause: error });
}

/** @param {string[]} commandLine */
function succeeds(...commandLine) {
  const [command = "", ...args] = commandLine;
  return spawnSync(command, args, { stdio: "ignore" }).status === 0;
}

/** @param {string} command */
function isOnPath(command) {
  const name = process.platform === "win32" ? `${command}.exe` : command;
  const folders = (process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  return folders.some((folder) => isExecutable(join(folder, name)));
}

/** @param {string} file */
function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false; // It does not exist, or is not executable.
  }
}

// Node resolves symbolic links in import.meta.url, but not in argv.
if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    setUp();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
