import type { Logger } from "../base/log.ts";

/** A command of the program, such as `streaq run`. */
export interface Verb {
  /** Summary in one line. */
  readonly summary: string;
  /** The text that `--help` prints. */
  readonly help: string;
  /**
   * Runs the command.
   *
   * @param args Arguments after the name of the command.
   * @returns The exit code of the process.
   * @throws {UsageError} If the arguments are invalid.
   */
  run(args: readonly string[], host: Host): Promise<number>;
}

/** The process that a {@linkcode Verb} runs in. */
export interface Host {
  /** Command line that starts this program again; arguments may follow. */
  readonly self: readonly [command: string, ...args: string[]];
  /** Logs lines about processes; a worker has a logger of its own. */
  readonly logger: Logger;
  /** Aborted when the process shall shut down: after a signal, or because its parent process requests it or is dead. */
  readonly stop: AbortSignal;
  /** Aborted when the process shall exit immediately, after a second signal. */
  readonly kill: AbortSignal;
  /** Width of the terminal on standard output; `undefined` if it is none. */
  readonly columns: number | undefined;
  /** Makes the first SIGINT or SIGTERM abort `stop`, and the second one `kill`, instead of terminating the process. */
  takeSignals(): void;
  /** Writes to standard output; resolves when it is written, or no longer read. */
  print(text: string): Promise<void>;
  /** Writes an error to standard error, in one line. */
  printError(message: string): void;
  /** Asks on the terminal; resolves to the answer, which is empty when there is none. `undefined` without a terminal. */
  readonly ask: ((question: string) => Promise<string>) | undefined;
}

/** The arguments of the command line are invalid. */
export class UsageError extends Error {
  override name = "UsageError";
}
