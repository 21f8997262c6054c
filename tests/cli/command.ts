import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { eventually } from "../support/poll.ts";
import { runtimeCommand } from "../support/runtime.ts";

const program = fileURLToPath(new URL("../../src/cli/bin.ts", import.meta.url));
const root = fileURLToPath(new URL("../..", import.meta.url));

/** The path of a fixture, as a user would type it at the root. */
export function fixture(name: string): string {
  return `tests/cli/fixtures/${name}`;
}

/** The command line, run as users do. */
export class Command implements AsyncDisposable {
  readonly #child: ChildProcess;
  /** Resolves to its exit code; `null` when a signal ended it. */
  readonly exited: Promise<number | null>;
  stdout = "";
  stderr = "";

  constructor(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const [command, ...rest] = runtimeCommand(program, ...args);
    const child = this.#child = spawn(command, rest, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    child.stdout?.on("data", (bytes) => this.stdout += bytes);
    child.stderr?.on("data", (bytes) => this.stderr += bytes);
    this.exited = once(child, "close").then(([code]) => code);
  }

  /** All that it printed. */
  get output(): string {
    return this.stdout + this.stderr;
  }

  /** Sends a signal. The child's own `kill()` would make Deno report the signal instead of the exit code. */
  signal(name: NodeJS.Signals): void {
    process.kill(this.#child.pid!, name);
  }

  /** Waits until the output matches, `count` times. */
  async prints(pattern: RegExp, count = 1): Promise<RegExpExecArray[]> {
    const find = () => [...this.output.matchAll(new RegExp(pattern, "g"))];
    try {
      await eventually(() => find().length >= count, { timeout: 20_000, message: `it prints ${pattern}` });
    } catch (cause) {
      throw new Error(`Expected ${pattern} in the output, found: ${this.output}`, { cause });
    }
    return find();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.exited;
  }
}
