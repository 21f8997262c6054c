import { spawnSync } from "node:child_process";
import process from "node:process";
import { ROOT } from "../runtimes.mjs";

/** A check of the repository. */
export interface Gate {
  readonly name: string;
  /** Runs the check. It fails if it reports a problem or throws. */
  run(context: GateContext): void;
}

/** Context of a check. */
export interface GateContext {
  /** Configuration file with which Deno can resolve the imports of the tests. */
  readonly denoConfig: string;
  /** Reports a problem, which must be fixed. */
  problem(text: string): void;
  /** Reports a note, which does not fail the check. */
  note(text: string): void;
}

/** Options of {@linkcode capture}. */
export interface CaptureOptions {
  /** Working directory; the root of the repository unless given. */
  cwd?: string;
}

/**
 * Runs a command and returns its standard output.
 *
 * @throws If it fails, with its output in the message.
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
