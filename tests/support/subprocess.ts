import { type ChildProcess, spawn, type SpawnOptions } from "node:child_process";
import { once } from "node:events";
import process from "node:process";

/**
 * Kills process `$1` and removes folder `$2` when its standard input closes, which happens however this process exits.
 * `read` is built into the shell, so the shell has no child that could be left behind.
 */
const WATCHDOG = 'read -r _; kill -9 "$1"; [ -z "$2" ] || rm -rf "$2"';

/** Options of {@linkcode Subprocess.start}, in addition to those of `spawn()`. */
export interface SubprocessOptions extends SpawnOptions {
  /** Folder to remove if this process exits before the child. */
  folder?: string;
}

/** A child process that does not outlive this one. */
export class Subprocess {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  #running = true;

  /**
   * Starts a command.
   *
   * @throws When the command cannot be started.
   */
  static async start(
    command: string,
    args: readonly string[],
    { folder = "", ...options }: SubprocessOptions = {},
  ): Promise<Subprocess> {
    const child = spawn(command, args, options);
    const subprocess = new Subprocess(child);
    await once(child, "spawn");
    const watchdog = spawn("sh", ["-c", WATCHDOG, "watchdog", `${child.pid}`, folder], {
      stdio: ["pipe", "ignore", "ignore"],
    });
    // Not watchdog.kill(): on Deno it closes the pipes first, which would set the watchdog off.
    subprocess.#exited.then(() => process.kill(watchdog.pid!, "SIGKILL"));
    return subprocess;
  }

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#exited = new Promise((resolve) => child.once("exit", resolve)).then(() => this.#running = false);
  }

  get pid(): number {
    return this.#child.pid!;
  }

  get running(): boolean {
    return this.#running;
  }

  /** Sends a signal; does nothing when the process has exited. */
  signal(name: NodeJS.Signals): void {
    if (this.#running) process.kill(this.pid, name);
  }

  /** Ends the process with a signal, and waits until it has exited. */
  async end(name: "SIGTERM" | "SIGKILL"): Promise<void> {
    this.signal(name);
    await this.#exited;
  }
}
