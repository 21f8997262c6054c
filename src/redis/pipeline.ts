import { nextTick } from "node:process";
import { type Deferred, deferred } from "../base/async.ts";
import { Fifo } from "../base/fifo.ts";
import { type Command, roughSize } from "./command.ts";
import type { Connection } from "./connection.ts";
import { ConnectionError, reasonOf } from "./errors.ts";
import { Link } from "./link.ts";
import type { Settings } from "./options.ts";
import { displayUrl } from "./url.ts";

/** How many commands wait for the end of the tick; with more, they leave at once, so that the server can begin. */
const batch = 256;

/**
 * The commands for one server, in order, over one connection after another.
 *
 * A command waits here until it is sent, and with the connection from then on. While the pipeline is `online`, what
 * came in during a tick leaves at its end, in one write. While it is `offline`, commands wait for the connection, as
 * many as the limits allow. `closed` is for good; nothing waits then.
 */
export class Pipeline {
  readonly settings: Settings;
  /** Whether it outlives its connection. */
  readonly #reconnect: boolean;
  readonly #closed: ((reason: ConnectionError) => void) | undefined;
  readonly #link: Link;
  readonly #waiting = new Fifo<Command>();
  #state: "offline" | "online" | "closed" = "offline";
  #connection: Connection | undefined;
  /** Given to those who wait for the connection itself. */
  #arrival: Deferred<Connection> | undefined;
  #reason: ConnectionError | undefined;
  /** How many bytes wait for the connection. */
  #bytes = 0;
  /** How many of those who wait do so no longer. */
  #withdrawn = 0;
  #scheduled = false;

  /**
   * Nothing connects yet.
   *
   * @param options.reconnect Whether it outlives its connection.
   * @param options.closed Called when it is closed, because it was told to or has lost its connection.
   */
  constructor(
    settings: Settings,
    { reconnect, closed }: { reconnect: boolean; closed?: (reason: ConnectionError) => void },
  ) {
    this.settings = settings;
    this.#closed = closed;
    this.#reconnect = reconnect && settings.retry !== false;
    this.#link = new Link(settings, {
      ready: (connection) => this.#move("online", connection),
      drained: () => this.#flush(),
      lost: (reason) => this.#lost(reason),
      failed: (reason) => this.#reject(reason),
      wanted: (proven) => proven && this.#reconnect,
    }, { protocol: 3 });
  }

  /** Queues a command for sending, and connects where needed. */
  send(command: Command): void {
    if (this.#state !== "online" && !this.#admit(command)) return;
    this.#waiting.push(command);
    if (this.#waiting.size >= batch) this.#flush();
    else if (!this.#scheduled) {
      this.#scheduled = true;
      nextTick(this.#flush);
    }
  }

  /**
   * The connection, as soon as there is one.
   *
   * @throws {ConnectionError} When there is none within `connectTimeout`.
   */
  connect(): Promise<Connection> {
    if (this.#connection) return Promise.resolve(this.#connection);
    const refusal = this.#reason ?? this.#link.failure;
    if (refusal) return Promise.reject(refusal);
    this.#arrival ??= deferred();
    this.#link.open();
    return this.#arrival.promise;
  }

  /** Rejects a command for a reason of its caller. It is never sent, unless it is already. */
  withdraw(command: Command, reason: unknown): void {
    if (command.state === "waiting") {
      command.state = "withdrawn";
      this.#withdrawn++;
    }
    command.reject(reason);
  }

  /** Like `withdraw`, after a timeout: a connection of which nobody knows when it answers is of no use to one owner. */
  expire(command: Command, reason: Error): void {
    const stuck = command.state === "sent" && !this.#reconnect;
    this.withdraw(command, reason);
    if (stuck) this.#connection?.destroy(reason);
  }

  /** Rejects everything and closes the connection; resolves when the socket is closed. */
  close(reason: ConnectionError): Promise<void> {
    if (this.#state !== "closed") this.#move("closed", undefined, reason);
    return this.#link.close(reason);
  }

  #move(state: "offline" | "online" | "closed", connection?: Connection, reason?: ConnectionError): void {
    this.#state = state;
    this.#connection = connection;
    this.#reason = reason;
    if (state === "closed") {
      this.#reject(reason as ConnectionError);
      this.#closed?.(reason as ConnectionError);
    }
    if (state === "offline") this.#recount();
    if (state === "online") {
      this.#arrival?.resolve(connection as Connection);
      this.#arrival = undefined;
      this.#flush();
    }
  }

  #lost(reason: Error): void {
    if (this.#reconnect) return this.#move("offline");
    const message = `Connection to ${displayUrl(this.settings.target)} lost: ${reasonOf(reason)}`;
    this.close(new ConnectionError("LOST", message, { cause: reason }));
  }

  /** Sends what waits, as far as the connection takes it. */
  readonly #flush = (): void => {
    this.#scheduled = false;
    const connection = this.#connection;
    if (!connection) return;
    while (!connection.full) {
      const command = this.#waiting.shift();
      if (!command) break;
      if (command.state === "withdrawn") {
        this.#withdrawn--;
        continue;
      }
      try {
        connection.send(command);
      } catch (error) {
        command.reject(error);
      }
    }
    connection.flush();
  };

  /** Whether a command may wait for the connection; rejects it otherwise. */
  #admit(command: Command): boolean {
    const refusal = this.#reason ?? this.#link.failure ?? this.#excess(command);
    if (refusal) command.reject(refusal);
    else this.#link.open();
    return !refusal;
  }

  #excess(command: Command): ConnectionError | undefined {
    const { maxQueued, maxQueuedBytes } = this.settings;
    command.bytes = 0;
    for (let part: Command | undefined = command; part; part = part.next) command.bytes += roughSize(part.args);
    const fits = () => this.#waiting.size < maxQueued && this.#bytes + command.bytes <= maxQueuedBytes;
    if (!fits() && this.#withdrawn > 0) this.#recount();
    if (fits()) {
      this.#bytes += command.bytes;
      return undefined;
    }
    const limit = this.#waiting.size < maxQueued ? `maxQueuedBytes ${maxQueuedBytes}` : `maxQueued ${maxQueued}`;
    return new ConnectionError("FULL", `Too many commands wait for the connection, the limit is reached: ${limit}`);
  }

  /** Drops what was withdrawn, and counts the rest anew. */
  #recount(): void {
    this.#bytes = this.#withdrawn = 0;
    for (const command of this.#waiting.drain()) {
      if (command.state === "withdrawn") continue;
      this.#waiting.push(command);
      command.bytes ||= roughSize(command.args);
      this.#bytes += command.bytes;
    }
  }

  #reject(reason: ConnectionError): void {
    this.#arrival?.reject(reason);
    this.#arrival = undefined;
    this.#bytes = this.#withdrawn = 0;
    for (const command of this.#waiting.drain()) command.reject(reason);
  }
}
