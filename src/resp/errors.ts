/**
 * The server replied with an error.
 *
 * @example
 * ```ts
 * import { ReplyError } from "@q/streaq/redis";
 *
 * const error = new ReplyError("WRONGTYPE Operation against a key holding the wrong kind of value");
 * console.log(error.code); // "WRONGTYPE"
 * ```
 */
export class ReplyError extends Error {
  /** First word of the message, such as `ERR`, `WRONGTYPE` or `MOVED`. */
  readonly code: string;

  /**
   * Creates an error from an error reply.
   *
   * @param message The error as the server sent it, without the leading `-`.
   */
  constructor(message: string) {
    super(message);
    this.name = "ReplyError";
    const space = message.indexOf(" ");
    this.code = space === -1 ? message : message.slice(0, space);
  }
}

/**
 * The server sent bytes that are not RESP or exceed a limit. It is then unknown where the next reply starts, so the
 * connection is closed.
 */
export class ProtocolError extends Error {
  /**
   * Creates an error.
   *
   * @param message What was expected and what the server sent instead.
   * @param options The `cause`.
   */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ProtocolError";
  }
}
