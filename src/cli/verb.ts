import type { Logger } from "../base/log.ts";

/** One thing that the command line can do. */
export interface Verb {
  /** What it does, in a line. */
  readonly summary: string;
  /** How to use it: the answer to `--help`. */
  readonly help: string;
  /**
   * Does it.
   *
   * @param args What follows the verb.
   * @returns The exit code of the process.
   * @throws {UsageError} When the arguments make no sense.
   */
  run(args: readonly string[], host: Host): Promise<number>;
}

/** The process that a {@linkcode Verb} runs in. */
export interface Host {
  /** The command line that starts this program again; arguments may follow. */
  readonly self: readonly [command: string, ...args: string[]];
  /** Lines about the run itself, beside those of its worker. */
  readonly logger: Logger;
  /** Aborted when it is time to come to an end: the process that started this one is gone or has let go of it. */
  readonly stop: AbortSignal;
  /** Aborted when there is no more time. */
  readonly kill: AbortSignal;
  /** From now on the first SIGINT or SIGTERM aborts `stop` and the second one `kill`, instead of ending the process. */
  takeSignals(): void;
  /** Writes to standard output. */
  print(text: string): void;
}

/** The command line makes no sense. */
export class UsageError extends Error {
  override name = "UsageError";
}
