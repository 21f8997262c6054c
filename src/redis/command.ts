import type { Duration } from "../base/duration.ts";
import type { OptionNames } from "../base/known_options.ts";
import type { Argument, Reply } from "../resp/reply.ts";

/** A command: its name, then its arguments. */
export type CommandArguments = readonly [string, ...Argument[]];

/** Options of a command. */
export interface CommandOptions {
  /**
   * Whether to return text as `Uint8Array` instead of string.
   *
   * @default {false}
   */
  binary?: boolean | undefined;
  /** When it is aborted, the command rejects with its reason. A command that was not sent yet is never sent. */
  signal?: AbortSignal | undefined;
  /** How long to wait for the reply before the command rejects with a `TimeoutError`; for ever unless given. */
  timeout?: Duration | undefined;
}

/** All names of {@linkcode CommandOptions}. */
export const commandOptionNames: OptionNames<CommandOptions> = { binary: true, signal: true, timeout: true };

/**
 * A command on its way to the server.
 *
 * It is `waiting` for a connection until it is `sent`, or `withdrawn` because its caller has given up. Its promise
 * settles once. Settling it again has no effect, so the reply to a withdrawn command is simply dropped.
 */
export class Command {
  readonly args: readonly Argument[];
  readonly binary: boolean;
  resolve: (reply: Reply) => void;
  reject: (reason: unknown) => void;
  state: "waiting" | "sent" | "withdrawn" = "waiting";
  /** Size: an estimate while it waits for a connection, exact once it is sent. */
  bytes = 0;
  /** Number of replies that are still to come. */
  replies = 1;
  /** How long the server may block on it, in milliseconds. */
  blockingTime = 0;
  /** A command that is sent right after it on the same connection, or not at all. */
  next: Command | undefined = undefined;

  constructor(
    args: readonly Argument[],
    binary: boolean,
    resolve: (reply: Reply) => void,
    reject: (reason: unknown) => void,
  ) {
    this.args = args;
    this.binary = binary;
    this.resolve = resolve;
    this.reject = reject;
  }
}

/** Estimates the size of a command in bytes, with one byte for each character. */
export function estimateSize(args: readonly Argument[]): number {
  let bytes = 0;
  for (const arg of args) bytes += 16 + (typeof arg === "string" || arg instanceof Uint8Array ? arg.length : 8);
  return bytes;
}
