/**
 * An error that the server answered with.
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
  /** The first word of the message, such as `ERR`, `WRONGTYPE` or `MOVED`. */
  readonly code: string;

  /**
   * Makes an error out of the server's words.
   *
   * @param message What the server said: the whole line, without the `-` in front.
   */
  constructor(message: string) {
    super(message);
    this.name = "ReplyError";
    const space = message.indexOf(" ");
    this.code = space === -1 ? message : message.slice(0, space);
  }
}

/**
 * The server sent what is not RESP, or what exceeds a limit. Where the next reply begins is unknown from then on, so
 * the connection cannot be used any more.
 */
export class ProtocolError extends Error {
  /**
   * Makes an error that says what was expected.
   *
   * @param message What was expected and what was found.
   * @param options The `cause`, where another error led to this one.
   */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ProtocolError";
  }
}
