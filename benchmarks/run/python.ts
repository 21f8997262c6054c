import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** The systems in Python, each with an environment of its own, since their requirements contradict each other. */
export const PYTHON_SYSTEMS = ["streaq-python", "saq", "taskiq-redis"] as const;

const REQUIREMENTS = fileURLToPath(new URL("../systems/python/requirements", import.meta.url));
/** In `node_modules`, which no check looks into: packages for Python hold scripts for browsers. */
const ENVIRONMENTS = fileURLToPath(new URL("../node_modules/.venv", import.meta.url));

/** Returns the interpreter of a system's environment. */
export function pythonOf(system: string): string {
  const isWindows = process.platform === "win32";
  return join(ENVIRONMENTS, system, isWindows ? "Scripts/python.exe" : "bin/python");
}

/** Installs what the systems in Python need. Returns, for each that cannot be installed, the reason. */
export function installPythonSystems(names: readonly string[]): Map<string, string> {
  const failures = new Map<string, string>();
  for (const name of PYTHON_SYSTEMS) {
    if (!names.includes(name)) continue;
    const failure = install(name);
    if (failure !== undefined) failures.set(name, failure);
  }
  return failures;
}

/** Returns the version of each package in a system's environment that matters to its figures. */
export function pythonVersions(system: string): string[] {
  const pinned = readFileSync(join(REQUIREMENTS, `${system}.txt`), "utf8").matchAll(/^([\w-]+)==(\S+)$/gm);
  const versions = new Map([...pinned].map(([, name, version]) => [name!, version!]));
  const relevant = ["streaq", "saq", "taskiq-redis", "taskiq", "coredis", "redis", "hiredis", "uvloop"];
  return relevant.filter((name) => versions.has(name)).map((name) => `${name} ${versions.get(name)}`);
}

/** Installs again when the requirements have changed since. Returns the reason if it cannot. */
function install(name: string): string | undefined {
  const requirements = join(REQUIREMENTS, `${name}.txt`);
  const folder = join(ENVIRONMENTS, name);
  const installed = join(folder, "requirements.txt");
  if (existsSync(installed) && readFileSync(installed, "utf8") === readFileSync(requirements, "utf8")) return;
  if (run("python3", "--version") !== undefined) return "python3 was not found";
  if (process.env["STREAQ_SETUP"] === "no") return "STREAQ_SETUP=no forbids installing";
  console.log(`Missing: the Python packages of ${name}. Installing into benchmarks/node_modules/.venv/${name}`);
  rmSync(folder, { recursive: true, force: true });
  const failure = run("python3", "-m", "venv", folder) ??
    run(pythonOf(name), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements);
  if (failure === undefined) copyFileSync(requirements, installed);
  return failure;
}

/** Returns the last line of its complaint if the command fails. */
function run(command: string, ...args: string[]): string | undefined {
  const { status, stderr, error } = spawnSync(command, args, { encoding: "utf8" });
  if (status === 0) return;
  return stderr?.trim().split("\n").at(-1) || error?.message || `${command} failed`;
}
