import type { Duration } from "../base/duration.ts";
import type { Argument, Reply } from "../resp/reply.ts";

/** A command as it is given: its name, then its arguments. */
export type CommandArguments = readonly [string, ...Argument[]];

/** Options of one command. */
export interface CommandOptions {
  /**
   * Give text as `Uint8Array` instead of string.
   *
   * @default {false}
   */
  binary?: boolean | undefined;
  /** Rejects with the signal's reason when aborted; a command that was not sent yet then never is. */
  signal?: AbortSignal | undefined;
  /** Rejects with a `TimeoutError` when there is no reply after this long. */
  timeout?: Duration | undefined;
}

/**
 * A command on its way. It is `waiting` for a connection until it is `sent`, or `withdrawn` because its caller has
 * given up. Its promise settles once; settling it again does nothing, as promises have it, so that the reply to a
 * command that was given up is simply dropped.
 */
export class Command {
  readonly args: readonly Argument[];
  readonly binary: boolean;
  resolve: (reply: Reply) => void;
  reject: (reason: unknown) => void;
  state: "waiting" | "sent" | "withdrawn" = "waiting";
  /** Its size: a guess while it waits for a connection, exact once it is sent. */
  bytes = 0;
  /** How many replies it is yet to get. */
  replies = 1;
  /** For how many milliseconds the server may block on it. */
  blocks = 0;
  /** What goes out right behind it, on the same connection or not at all. */
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

/** About how many bytes a command takes; never less than half. */
export function roughSize(args: readonly Argument[]): number {
  let bytes = 0;
  for (const arg of args) bytes += 16 + (typeof arg === "string" || arg instanceof Uint8Array ? arg.length : 8);
  return bytes;
}
