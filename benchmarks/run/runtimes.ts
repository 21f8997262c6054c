import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import process from "node:process";
import { BUN, DENO } from "../../scripts/runtimes.mjs";
import type { Runtime } from "./subject.ts";
import { pythonOf } from "./python.ts";

/** Returns the start of the command line that runs a script. */
export function commandFor(runtime: Runtime, name: string): readonly [string, ...string[]] {
  switch (runtime) {
    case "node":
      return [process.execPath];
    case "bun":
      return [BUN];
    case "deno":
      return [DENO, "run", "-A", "--no-check", "--quiet"];
    case "python":
      return [pythonOf(name), "-u"];
  }
}

const versions = new Map<string, string | undefined>();

/** Returns the version of a runtime, or `undefined` if it is missing. */
export function versionOf(runtime: Runtime, name: string): string | undefined {
  const [command] = commandFor(runtime, name);
  if (!versions.has(command)) versions.set(command, askVersion(command));
  return versions.get(command);
}

function askVersion(command: string): string | undefined {
  if (!existsSync(command)) return undefined;
  const { status, stdout } = spawnSync(command, ["--version"], { encoding: "utf8" });
  return status === 0 ? /\d+\.\d+\.\d+/.exec(stdout)?.[0] : undefined;
}
