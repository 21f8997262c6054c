/**
 * Reason of a {@linkcode ConnectionError}:
 *
 * - `UNREACHABLE`: no connection was established within `connectTimeout`.
 * - `REFUSED`: the server does not serve this client: the credentials or the database are wrong, its certificate is not
 *   trusted, or it is not Redis.
 * - `LOST`: the connection was lost.
 * - `FULL`: too many commands wait for a connection already.
 * - `CLOSED`: the client or the connection was closed.
 */
export type ConnectionErrorCode = "UNREACHABLE" | "REFUSED" | "LOST" | "FULL" | "CLOSED";

/**
 * A command failed because there is no connection to the server, or because it was lost.
 *
 * @example
 * ```ts
 * import { ConnectionError, createClient } from "@q/streaq/redis";
 *
 * await using redis = createClient();
 * try {
 *   await redis.command(["INCR", "visits"]);
 * } catch (error) {
 *   if (error instanceof ConnectionError && !error.maybeExecuted) {
 *     // The server has not received the command, so it is safe to send it again.
 *   }
 * }
 * ```
 */
export class ConnectionError extends Error {
  /** Name of the class. */
  override name = "ConnectionError";
  /** Why there is no connection. */
  readonly code: ConnectionErrorCode;
  /** Whether the command was sent, so that the server may have executed it. */
  readonly maybeExecuted: boolean;

  /**
   * Creates an error.
   *
   * @param code Why there is no connection.
   * @param message What was attempted, and why it failed.
   * @param options The `cause`, and whether the command was sent (`maybeExecuted`, `false` unless given).
   */
  constructor(code: ConnectionErrorCode, message: string, options: { cause?: unknown; maybeExecuted?: boolean } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.maybeExecuted = options.maybeExecuted ?? false;
  }
}

/**
 * The buffer of a subscription is full, because messages arrived faster than they were taken. The subscription has
 * ended. The iteration still yields the buffered messages before it rejects with this error.
 */
export class SlowConsumerError extends Error {
  /** Name of the class. */
  override name = "SlowConsumerError";
}

/**
 * Returns the message of an error for use in another message. A connection that was attempted on several addresses
 * fails with an `AggregateError`, whose own message is empty.
 */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof AggregateError && error.errors.length > 0) return error.errors.map(reasonOf).join(", ");
  const { code } = error as { code?: unknown };
  return error.message || (typeof code === "string" ? code : error.name);
}
