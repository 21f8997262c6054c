import { spawnSync } from "node:child_process";
import process from "node:process";
import { ROOT } from "../runtimes.mjs";

/** One check of the whole repository. */
export interface Gate {
  readonly name: string;
  /** Looks, and reports what it finds. A gate that throws has failed as well. */
  run(context: GateContext): void;
}

/** What a gate has to work with. */
export interface GateContext {
  /** The configuration under which Deno can resolve what the tests import. */
  readonly denoConfig: string;
  /** Reports something that has to change. */
  problem(text: string): void;
  /** Reports something worth knowing. */
  note(text: string): void;
}

/** Options of {@linkcode capture}. */
export interface CaptureOptions {
  /** @default the root of the repository */
  cwd?: string;
}

/**
 * Runs a command and returns its standard output.
 *
 * @throws When it fails; the message holds all that it printed.
 */
export function capture(commandLine: readonly string[], { cwd = ROOT }: CaptureOptions = {}): string {
  const [command = "", ...args] = commandLine;
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    encoding: "utf8",
    env: { ...process.env, NO_COLOR: "1" },
    maxBuffer: 64 * 1024 * 1024,
    stdio: ["ignore", "pipe", "pipe"],
  });
  if (status === 0) return stdout;
  throw new Error(`${commandLine.join(" ")}\n${stdout ?? ""}${stderr ?? ""}`.trimEnd(), { cause: error });
}
