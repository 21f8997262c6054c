import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { eventually } from "../support/poll.ts";
import { runtimeCommand } from "../support/runtime.ts";

const program = fileURLToPath(new URL("../../src/cli/bin.ts", import.meta.url));
const root = fileURLToPath(new URL("../..", import.meta.url));

/** Path of a fixture, as a user would type it in the root folder. */
export function fixture(name: string): string {
  return `tests/cli/fixtures/${name}`;
}

/** The command line that runs a program on a terminal of its own, whose input and output are those of the process. */
function onTerminal(command: readonly string[]): [command: string, ...args: string[]] {
  if (process.platform === "darwin") return ["script", "-q", "/dev/null", ...command];
  const quoted = command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
  return ["script", "--quiet", "--return", "--command", quoted, "/dev/null"];
}

/** Options of a {@linkcode Command}. */
interface CommandOptions {
  /** Whether it has a terminal, instead of no input and pipes for its output. */
  readonly terminal?: boolean;
}

/** The command-line program in a process of its own. */
export class Command implements AsyncDisposable {
  readonly #child: ChildProcess;
  /** Resolves to the exit code; `null` after a signal. */
  readonly exited: Promise<number | null>;
  stdout = "";
  stderr = "";

  constructor(
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
    { terminal = false }: CommandOptions = {},
  ) {
    const line = runtimeCommand(program, ...args);
    const [command, ...rest] = terminal ? onTerminal(line) : line;
    const child = this.#child = spawn(command, rest, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: [terminal ? "pipe" : "ignore", "pipe", "pipe"],
    });
    child.stdout?.on("data", (bytes) => this.stdout += bytes);
    child.stderr?.on("data", (bytes) => this.stderr += bytes);
    this.exited = once(child, "close").then(([code]) => code);
  }

  /** Everything that it has printed. */
  get output(): string {
    return this.stdout + this.stderr;
  }

  /** Types on its terminal. */
  type(text: string): void {
    this.#child.stdin?.write(text);
  }

  /** Closes its standard output as soon as it has printed something there, like `head`. */
  closeOutput(): void {
    this.#child.stdout?.once("data", () => this.#child.stdout?.destroy());
  }

  /** Sends a signal. With `kill()` of the child, Deno would report the signal instead of the exit code. */
  signal(name: NodeJS.Signals): void {
    process.kill(this.#child.pid!, name);
  }

  /** Waits until the output matches, `count` times. */
  async prints(pattern: RegExp, count = 1): Promise<RegExpExecArray[]> {
    const find = () => [...this.output.matchAll(new RegExp(pattern, "g"))];
    try {
      await eventually(() => find().length >= count, { timeout: 20_000, message: `it prints ${pattern}` });
    } catch (cause) {
      throw new Error(`Expected ${pattern} ${count} times in the output, got: ${this.output}`, { cause });
    }
    return find();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.exited;
  }
}
