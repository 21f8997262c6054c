/**
 * Installs what is missing to develop: npm packages, Deno and Bun (in tools/), and the programs that tests start.
 *
 * Needs nothing but Node and npm, and does nothing when all is there.
 */
import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { ROOT } from "./runtimes.mjs";

/** What the tests start: a server (Redis 6.2 or later), and the maker of its certificate for TLS. */
const PROGRAMS = [
  { command: "redis-server", debian: "redis-server", brew: "redis" },
  { command: "openssl", debian: "openssl", brew: "openssl" },
];

/** Everything, in order. */
export function setUp() {
  installPackages(ROOT);
  installPackages(`${ROOT}tools/`);
  installPrograms();
}

/** @param {string} folder With a trailing slash. Installed again when the lock file is newer than what is there. */
export function installPackages(folder) {
  const installed = `${folder}node_modules/.package-lock.json`;
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(`${folder}package-lock.json`).mtimeMs) return;
  run("npm", "ci", "--prefix", folder);
}

/** Leaves a server that already runs, or that the package starts, alone: the tests start their own on free ports. */
export function installPrograms() {
  const missing = PROGRAMS.filter(({ command }) => !succeeds("sh", "-c", `command -v ${command}`));
  if (missing.length === 0) return;
  const sudo = process.getuid?.() === 0 ? [] : ["sudo", "-n"];
  if (succeeds("apt-get", "--version") && succeeds(...sudo, "true")) {
    const apt = [...sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qy"];
    run(...apt, "update");
    run(...apt, "install", "--no-install-recommends", ...missing.map(({ debian }) => debian));
  } else if (succeeds("brew", "--version")) {
    run("brew", "install", ...missing.map(({ brew }) => brew));
  } else {
    const names = missing.map(({ command }) => command).join(" and ");
    const packages = missing.map(({ debian }) => debian).join(" ");
    throw new Error(
      `Not on the PATH, and not to be installed from here: ${names}. ` +
        `Install what is missing (Debian: sudo apt-get install ${packages}) and run this again`,
    );
  }
}

/** @param {string[]} commandLine */
function run(...commandLine) {
  console.log(`> ${commandLine.join(" ")}`);
  const [command = "", ...args] = commandLine;
  const { status, error } = spawnSync(command, args, { cwd: ROOT, stdio: ["ignore", "inherit", "inherit"] });
  if (status !== 0) throw new Error(`Cannot set up, this failed: ${commandLine.join(" ")}`, { cause: error });
}

/** @param {string[]} commandLine */
function succeeds(...commandLine) {
  const [command = "", ...args] = commandLine;
  return spawnSync(command, args, { stdio: "ignore" }).status === 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    setUp();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
