import { nextTick } from "node:process";
import { type Deferred, deferred } from "../base/async.ts";
import { Fifo } from "../base/fifo.ts";
import { type Command, estimateSize } from "./command.ts";
import type { Connection } from "./connection.ts";
import { ConnectionError, reasonOf } from "./errors.ts";
import { isReadOnly } from "./failure.ts";
import { Link } from "./link.ts";
import type { Settings } from "./options.ts";
import { displayUrl } from "./url.ts";

/** Number of commands at which a tick sends them without waiting for its end, so that the server can start. */
const batchSize = 256;

/**
 * Sends the commands for one server in order, over one connection after another.
 *
 * While the pipeline is `online`, the commands of a tick are sent at its end in one write. While it is `offline`,
 * commands wait for the connection, up to the limits `maxQueued` and `maxQueuedBytes`. `closed` is final, and no
 * command waits then.
 */
export class Pipeline {
  readonly settings: Settings;
  /** Whether a lost connection is replaced. */
  readonly #reconnect: boolean;
  readonly #closed: ((reason: ConnectionError) => void) | undefined;
  readonly #failedOver: (() => void) | undefined;
  readonly #link: Link;
  readonly #waiting = new Fifo<Command>();
  #state: "offline" | "online" | "closed" = "offline";
  #connection: Connection | undefined;
  /** Settles the calls of `connect()`. */
  #arrival: Deferred<Connection> | undefined;
  #reason: ConnectionError | undefined;
  #isCluster = false;
  /** Whether the last connection was given up because its server had become a replica. */
  #isRetired = false;
  /** Estimated size of the commands that wait for the connection. */
  #bytes = 0;
  /** Number of withdrawn commands in `#waiting`. */
  #withdrawn = 0;
  /** Whether `#flush` will be called at the end of the tick. */
  #scheduled = false;

  /**
   * Creates a pipeline. It does not connect yet.
   *
   * @param options.reconnect Whether to replace a lost connection.
   * @param options.closed Called when the pipeline is closed: by its owner, or because a connection that is not
   * replaced was lost.
   * @param options.failedOver Called when there is a new connection after the server of the last one had become a
   * replica.
   */
  constructor(
    settings: Settings,
    { reconnect, closed, failedOver }: {
      reconnect: boolean;
      closed?: (reason: ConnectionError) => void;
      failedOver?: () => void;
    },
  ) {
    this.settings = settings;
    this.#closed = closed;
    this.#failedOver = failedOver;
    this.#reconnect = reconnect && settings.retry !== false;
    this.#link = new Link(settings, {
      ready: (connection) => this.#move("online", connection),
      drained: () => this.#flush(),
      lost: (reason) => this.#lost(reason),
      failed: (reason) => this.#reject(reason),
      shouldReconnect: (hasConnected) => hasConnected && this.#reconnect,
    }, { protocol: 3 });
  }

  /** Whether the server of the last connection was part of a Cluster, as far as it reported that. */
  get isCluster(): boolean {
    return this.#isCluster;
  }

  /** Queues a command, and connects if necessary. */
  send(command: Command): void {
    if (this.#state !== "online" && !this.#admit(command)) return;
    this.#waiting.push(command);
    if (this.#waiting.size >= batchSize) this.#flush();
    else if (!this.#scheduled) {
      this.#scheduled = true;
      nextTick(this.#flush);
    }
  }

  /**
   * Resolves to the connection, and connects if necessary.
   *
   * @throws {ConnectionError} If there is no connection within `connectTimeout`.
   */
  connect(): Promise<Connection> {
    if (this.#connection) return Promise.resolve(this.#connection);
    const refusal = this.#reason ?? this.#link.failure;
    if (refusal) return Promise.reject(refusal);
    this.#arrival ??= deferred();
    this.#link.open();
    return this.#arrival.promise;
  }

  /** Rejects a command whose caller has given up. Unless it was sent already, it is never sent. */
  withdraw(command: Command, reason: unknown): void {
    if (command.state === "waiting") {
      command.state = "withdrawn";
      this.#withdrawn++;
    }
    command.reject(reason);
  }

  /** Withdraws a command after its timeout. A dedicated connection is closed: later commands would wait for the reply. */
  expire(command: Command, reason: Error): void {
    const isBlocked = command.state === "sent" && !this.#reconnect;
    this.withdraw(command, reason);
    if (isBlocked) this.#connection?.destroy(reason);
  }

  /** Rejects every command and closes the connection; resolves when the socket is closed. */
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
    if (state === "online") this.#arrive(connection as Connection);
  }

  #arrive(connection: Connection): void {
    this.#isCluster = connection.greeting.isCluster;
    this.#arrival?.resolve(connection);
    this.#arrival = undefined;
    this.#flush();
    // Not before: until now, other connections could have been opened to the same server again.
    if (this.#isRetired) this.#failedOver?.();
    this.#isRetired = false;
  }

  #lost(reason: Error): void {
    this.#isRetired = isReadOnly(reason);
    if (this.#reconnect) return this.#move("offline");
    const message = `Connection to ${displayUrl(this.settings.target)} lost: ${reasonOf(reason)}`;
    this.close(new ConnectionError("LOST", message, { cause: reason }));
  }

  /** Sends the waiting commands until the connection is full. */
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
        // Half a transaction would leave the connection in MULTI for every command behind it.
        if (command.state === "sent") return connection.destroy(error as Error);
        command.reject(error);
      }
    }
    connection.flush();
  };

  /** Lets a command wait for the connection, or rejects it. Returns whether it may wait. */
  #admit(command: Command): boolean {
    const refusal = this.#reason ?? this.#link.failure ?? this.#reserve(command);
    if (refusal) command.reject(refusal);
    else this.#link.open();
    return !refusal;
  }

  /** Counts the bytes of a command that has to wait; returns an error if it would exceed a limit. */
  #reserve(command: Command): ConnectionError | undefined {
    const { maxQueued, maxQueuedBytes } = this.settings;
    command.bytes = 0;
    for (let part: Command | undefined = command; part; part = part.next) command.bytes += estimateSize(part.args);
    const fits = () => this.#waiting.size < maxQueued && this.#bytes + command.bytes <= maxQueuedBytes;
    if (!fits() && this.#withdrawn > 0) this.#recount();
    if (fits()) {
      this.#bytes += command.bytes;
      return undefined;
    }
    const limit = this.#waiting.size < maxQueued ? `maxQueuedBytes ${maxQueuedBytes}` : `maxQueued ${maxQueued}`;
    return new ConnectionError("FULL", `Cannot queue the command until there is a connection: ${limit} is reached`);
  }

  /** Removes withdrawn commands, and counts the bytes of the others. */
  #recount(): void {
    this.#bytes = this.#withdrawn = 0;
    for (const command of this.#waiting.drain()) {
      if (command.state === "withdrawn") continue;
      this.#waiting.push(command);
      command.bytes ||= estimateSize(command.args);
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
