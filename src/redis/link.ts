import type { Timer } from "../base/clock.ts";
import { TimeoutError } from "../base/errors.ts";
import { ProtocolError, ReplyError } from "../resp/errors.ts";
import { backoff } from "../base/backoff.ts";
import { Connection } from "./connection.ts";
import { ConnectionError, reasonOf } from "./errors.ts";
import { adviceFor } from "./failure.ts";
import type { Settings } from "./options.ts";
import { displayUrl } from "./url.ts";

/** Who a {@linkcode Link} connects for. */
export interface LinkOwner {
  /** There is a connection. */
  ready(connection: Connection): void;
  /** The connection takes commands again after it was full. */
  drained(): void;
  /** The connection is gone. */
  lost(reason: Error): void;
  /** There is none within `connectTimeout`, or there will be none; what waits for it should be rejected. */
  failed(reason: ConnectionError): void;
  /** Whether to go on trying after that, and after a loss; `proven` if there has been a connection. */
  wanted(proven: boolean): boolean;
}

/**
 * Keeps one connection to a server: makes it when it is first asked to, and makes a new one when it is lost.
 *
 * It is `idle` until `open`. From then on it is `connecting` or, between two attempts, `waiting`, until it is `ready`.
 * A loss makes it `waiting` again. What it cannot do within `connectTimeout`, counted from `open` or from the loss, has
 * `failed`: it goes back to `idle`, or tries on while its owner wants it to. `closed` is for good.
 */
export class Link {
  readonly #settings: Settings;
  readonly #owner: LinkOwner;
  readonly #protocol: 2 | 3;
  #state: "idle" | "connecting" | "waiting" | "ready" | "closed" = "idle";
  #connection: Connection | undefined;
  /** The wait before the next attempt. */
  #pause: Timer | undefined;
  /** The end of the time that connecting may take. */
  #deadline: Timer | undefined;
  #attempts = 0;
  /** Whether there has ever been a connection: what is refused from then on may be allowed again later. */
  #proven = false;
  #latest: Error | undefined;
  #failure: ConnectionError | undefined;

  /**
   * Nothing connects yet.
   *
   * @param options.protocol The version of RESP to speak, where the server does too.
   */
  constructor(settings: Settings, owner: LinkOwner, { protocol }: { protocol: 2 | 3 }) {
    this.#settings = settings;
    this.#owner = owner;
    this.#protocol = protocol;
  }

  /** Why there is no connection, once that has taken too long. */
  get failure(): ConnectionError | undefined {
    return this.#failure;
  }

  /** Begins to connect, unless it does already. */
  open(): void {
    if (this.#state !== "idle") return;
    this.#begin();
    this.#attempt();
  }

  /** Gives the connection up until the next `open`. */
  rest(reason: Error): void {
    if (this.#state !== "closed") this.#move("idle", reason);
  }

  /** Closes for good; resolves when the socket is closed. */
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

  #begin(): void {
    const { connectTimeout, clock } = this.#settings;
    this.#latest = undefined;
    this.#deadline = clock.timer(connectTimeout, () => this.#late(connectTimeout));
  }

  #attempt(): void {
    this.#move("connecting");
    const connection = new Connection(this.#settings, {
      ready: () => this.#ready(connection),
      drained: () => this.#owner.drained(),
      closed: (reason) => this.#closed(connection, reason),
    }, { timeout: this.#settings.connectTimeout, protocol: this.#protocol });
    this.#connection = connection;
  }

  #ready(connection: Connection): void {
    const { logger, target } = this.#settings;
    if (this.#proven) logger?.info(`Connected to ${displayUrl(target)} again`);
    this.#proven = true;
    this.#move("ready");
    this.#owner.ready(connection);
  }

  #closed(connection: Connection, reason: Error): void {
    if (connection !== this.#connection) return;
    this.#connection = undefined;
    if (this.#state === "ready") this.#lost(reason);
    else this.#refused(reason);
  }

  #lost(reason: Error): void {
    const { logger, target, retry } = this.#settings;
    this.#move("waiting");
    this.#owner.lost(reason);
    // The owner may have closed it.
    if (this.#state !== "waiting") return;
    if (retry === false || !this.#owner.wanted(this.#proven)) return this.#move("idle");
    logger?.warn(`Connection to ${displayUrl(target)} lost: ${reasonOf(reason)}`);
    this.#begin();
    this.#wait(backoff(this.#attempts++, retry));
  }

  /** An attempt has failed. */
  #refused(reason: Error): void {
    const { logger, target, retry } = this.#settings;
    const news = this.#latest?.message !== reason.message;
    this.#latest = reason;
    if (retry === false) return this.#fail("");
    if (!isFinal(reason)) {
      if (news && !this.#proven) logger?.warn(`Cannot connect to ${displayUrl(target)} yet: ${reasonOf(reason)}`);
      return this.#wait(backoff(this.#attempts++, retry));
    }
    if (news) logger?.error(`Cannot connect to ${displayUrl(target)}: ${reasonOf(reason)}`);
    this.#wait(retry.max);
    if (!this.#proven) this.#fail("");
  }

  #wait(ms: number): void {
    this.#move("waiting");
    this.#pause = this.#settings.clock.timer(ms, () => this.#attempt());
  }

  #late(timeout: number): void {
    this.#latest ??= new TimeoutError(this.#connection?.lacks ?? "No connection");
    this.#fail(` within ${timeout} ms`);
  }

  #fail(when: string): void {
    const { target, retry } = this.#settings;
    const cause = this.#latest as Error;
    const failure = new ConnectionError(
      isFinal(cause) ? "REFUSED" : "UNREACHABLE",
      `Cannot connect to ${displayUrl(target)}${when}: ${reasonOf(cause)}`,
      { cause },
    );
    this.#deadline?.cancel();
    this.#failure = failure;
    this.#owner.failed(failure);
    if (this.#state !== "closed" && (retry === false || !this.#owner.wanted(this.#proven))) this.#move("idle", failure);
  }
}

/** Whether the same attempt would fail again: wrong credentials, or no Redis at all. */
function isFinal(reason: Error): boolean {
  if (reason instanceof ProtocolError || reason instanceof TypeError) return true;
  if (reason instanceof ReplyError) return adviceFor(reason) !== "retry";
  const { code } = reason as { code?: unknown };
  return typeof code === "string" && /CERT|SELF_SIGNED|^UNABLE_TO_|^ERR_(SSL|OSSL|TLS)|^EPROTO$/.test(code);
}
