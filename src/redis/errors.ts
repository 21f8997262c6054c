/**
 * Why a {@linkcode ConnectionError}:
 *
 * - `UNREACHABLE`: there is no connection yet, within the time that connecting may take.
 * - `REFUSED`: the server will not serve this client. The credentials or the database are wrong, its certificate is not
 *   trusted, or it is no Redis.
 * - `LOST`: the connection was lost.
 * - `FULL`: too much waits for the connection already.
 * - `CLOSED`: the client was closed.
 */
export type ConnectionErrorCode = "UNREACHABLE" | "REFUSED" | "LOST" | "FULL" | "CLOSED";

/**
 * There is no connection to the server, or it was lost.
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
 *     // The server has never seen it: it is safe to send it again.
 *   }
 * }
 * ```
 */
export class ConnectionError extends Error {
  /** The name of the class. */
  override name = "ConnectionError";
  /** Why there is no connection. */
  readonly code: ConnectionErrorCode;
  /** Whether the command was sent, so that the server may have executed it. */
  readonly maybeExecuted: boolean;

  /**
   * Makes an error that says what was attempted.
   *
   * @param code Why there is no connection.
   * @param message What was attempted, and why it failed.
   * @param options The `cause`, and whether the command was sent (`maybeExecuted`, `false` when left out).
   */
  constructor(code: ConnectionErrorCode, message: string, options: { cause?: unknown; maybeExecuted?: boolean } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.maybeExecuted = options.maybeExecuted ?? false;
  }
}

/**
 * Messages came in faster than they were taken from {@linkcode RedisClient.subscribe}, until its buffer was full. The
 * subscription has ended; what was buffered can still be taken, before this error comes in place of the missing messages.
 */
export class SlowConsumerError extends Error {
  /** The name of the class. */
  override name = "SlowConsumerError";
}

/**
 * Why something failed, in a few words. A connection that was tried on several addresses fails with an
 * `AggregateError`, whose own message is empty.
 */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof AggregateError && error.errors.length > 0) return error.errors.map(reasonOf).join(", ");
  const { code } = error as { code?: unknown };
  return error.message || (typeof code === "string" ? code : error.name);
}
