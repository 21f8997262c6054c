import type { Timer } from "../base/clock.ts";
import { TimeoutError } from "../base/errors.ts";
import { ProtocolError, ReplyError } from "../resp/errors.ts";
import { backoff } from "../base/backoff.ts";
import { Connection } from "./connection.ts";
import { ConnectionError, reasonOf } from "./errors.ts";
import { adviceFor } from "./failure.ts";
import type { Settings } from "./options.ts";
import { displayUrl } from "./url.ts";

/** The owner of a {@linkcode Link}. */
export interface LinkOwner {
  /** Called with each new connection. */
  ready(connection: Connection): void;
  /** Called when the connection accepts commands again after it was full. */
  drained(): void;
  /** Called when the connection is lost. */
  lost(reason: Error): void;
  /** Called when there is no connection within `connectTimeout`, or none is possible: reject what waits for it. */
  failed(reason: ConnectionError): void;
  /**
   * Whether to continue connecting after a loss or after `failed`.
   *
   * @param hasConnected Whether there has ever been a connection.
   */
  shouldReconnect(hasConnected: boolean): boolean;
}

/**
 * Maintains one connection to a server: opens it on demand, and replaces it when it is lost.
 *
 * A link is `idle` until it is opened. It is then `connecting` or, between two attempts, `waiting`, until it is
 * `ready`. When the connection is lost, it is `waiting` again. If there is no connection within `connectTimeout` of the
 * call of `open()` or of the loss, the link reports that it has failed; it then becomes `idle`, or keeps connecting if
 * its owner wants it to. `closed` is final.
 */
export class Link {
  readonly #settings: Settings;
  readonly #owner: LinkOwner;
  readonly #protocol: 2 | 3;
  #state: "idle" | "connecting" | "waiting" | "ready" | "closed" = "idle";
  #connection: Connection | undefined;
  /** Starts the next attempt. */
  #pause: Timer | undefined;
  /** Reports a failure after `connectTimeout`. */
  #deadline: Timer | undefined;
  #attempts = 0;
  /** Whether there has ever been a connection: a server that has accepted this client may do so again. */
  #hasConnected = false;
  /** Why the last attempt failed. */
  #lastReason: Error | undefined;
  #failure: ConnectionError | undefined;

  /**
   * Creates a link. It does not connect yet.
   *
   * @param options.protocol Version of RESP to use, if the server supports it.
   */
  constructor(settings: Settings, owner: LinkOwner, { protocol }: { protocol: 2 | 3 }) {
    this.#settings = settings;
    this.#owner = owner;
    this.#protocol = protocol;
  }

  /** Why there is no connection, once `connectTimeout` has passed or none is possible. */
  get failure(): ConnectionError | undefined {
    return this.#failure;
  }

  /** Starts to connect, unless it has already. */
  open(): void {
    if (this.#state !== "idle") return;
    this.#startDeadline();
    this.#attempt();
  }

  /** Replaces the connection, or starts again to open it. */
  renew(reason: Error): void {
    this.#connection?.destroy(reason);
  }

  /** Closes the connection until the next call of `open()`. */
  rest(reason: Error): void {
    if (this.#state !== "closed") this.#move("idle", reason);
  }

  /** Closes the link for good; resolves when the socket is closed. */
  async close(reason: Error): Promise<void> {
    const connection = this.#connection;
    this.#move("closed", reason);
    await connection?.closed;
  }

  #move(state: "idle" | "connecting" | "waiting" | "ready" | "closed", reason?: Error): void {
    this.#state = state;
    this.#pause?.cancel();
    if (state === "connecting" || state === "waiting") return;
    this.#deadline?.cancel();
    this.#failure = undefined;
    this.#attempts = 0;
    if (state === "ready") return;
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.end(reason as Error);
  }

  #startDeadline(): void {
    const { connectTimeout, clock } = this.#settings;
    this.#lastReason = undefined;
    this.#deadline = clock.timer(connectTimeout, () => this.#onDeadline(connectTimeout), {
      ref: !this.#settings.hold.isReleased,
    });
  }

  #attempt(): void {
    this.#move("connecting");
    const connection = new Connection(this.#settings, {
      ready: () => this.#onReady(connection),
      drained: () => this.#owner.drained(),
      closed: (reason) => this.#onClosed(connection, reason),
    }, { timeout: this.#settings.connectTimeout, protocol: this.#protocol });
    this.#connection = connection;
  }

  #onReady(connection: Connection): void {
    const { logger, target } = this.#settings;
    if (this.#hasConnected) logger?.info(`Reconnected to ${displayUrl(target)}`);
    this.#hasConnected = true;
    this.#move("ready");
    this.#owner.ready(connection);
  }

  #onClosed(connection: Connection, reason: Error): void {
    if (connection !== this.#connection) return;
    this.#connection = undefined;
    if (this.#state === "ready") this.#onLost(reason);
    else this.#onAttemptFailed(reason);
  }

  #onLost(reason: Error): void {
    const { logger, target, retry } = this.#settings;
    this.#move("waiting");
    this.#owner.lost(reason);
    // The owner may have closed the link.
    if (this.#state !== "waiting") return;
    if (retry === false || !this.#owner.shouldReconnect(this.#hasConnected)) return this.#move("idle");
    logger?.warn(`Connection to ${displayUrl(target)} lost: ${reasonOf(reason)}`);
    this.#startDeadline();
    this.#wait(backoff(this.#attempts++, retry));
  }

  #onAttemptFailed(reason: Error): void {
    const { logger, target, retry } = this.#settings;
    const isNewReason = this.#lastReason?.message !== reason.message;
    this.#lastReason = reason;
    if (retry === false) return this.#fail("");
    if (!isFinal(reason)) {
      if (isNewReason && !this.#hasConnected) {
        logger?.warn(`Connecting to ${displayUrl(target)} failed and will be retried: ${reasonOf(reason)}`);
      }
      return this.#wait(backoff(this.#attempts++, retry));
    }
    if (isNewReason) logger?.error(`Cannot connect to ${displayUrl(target)}: ${reasonOf(reason)}`);
    this.#wait(retry.max);
    if (!this.#hasConnected) this.#fail("");
  }

  #wait(ms: number): void {
    this.#move("waiting");
    // A released client keeps no process alive to reconnect.
    this.#pause = this.#settings.clock.timer(ms, () => this.#attempt(), { ref: !this.#settings.hold.isReleased });
  }

  #onDeadline(timeout: number): void {
    this.#lastReason ??= new TimeoutError(this.#connection?.unfinished ?? "The connection was not established");
    this.#fail(` within ${timeout} ms`);
  }

  /** @param span How long the link has tried to connect, for the message. */
  #fail(span: string): void {
    const { target, retry } = this.#settings;
    const cause = this.#lastReason as Error;
    const failure = new ConnectionError(
      isFinal(cause) ? "REFUSED" : "UNREACHABLE",
      `Cannot connect to ${displayUrl(target)}${span}: ${reasonOf(cause)}`,
      { cause },
    );
    this.#deadline?.cancel();
    this.#failure = failure;
    this.#owner.failed(failure);
    if (this.#state === "closed") return;
    if (retry === false || !this.#owner.shouldReconnect(this.#hasConnected)) this.#move("idle", failure);
  }
}

/**
 * Whether every further attempt would fail in the same way: wrong credentials, a server that is not Redis, or a
 * permission that Deno does not grant.
 */
function isFinal(reason: Error): boolean {
  if (reason.name === "NotCapable") return true;
  if (reason instanceof ProtocolError || reason instanceof TypeError) return true;
  if (reason instanceof ReplyError) return adviceFor(reason) !== "retry";
  const { code } = reason as { code?: unknown };
  return typeof code === "string" && /CERT|SELF_SIGNED|^UNABLE_TO_|^ERR_(SSL|OSSL|TLS)|^EPROTO$/.test(code);
}
