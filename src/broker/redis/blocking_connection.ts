import { delay } from "../../base/async.ts";
import type { Clock } from "../../base/clock.ts";
import { retry } from "../../base/retry.ts";
import {
  adviceFor,
  type CommandArguments,
  ConnectionError,
  type DedicatedClient,
  type RedisClient,
  ReplyError,
} from "../../redis/mod.ts";
import type { Reply } from "../../redis/mod.ts";

/** How long after its intended end a blocking read times out, in milliseconds; its connection is then closed. */
const readGrace = 5000;
/** Pause between two attempts to interrupt a read, which may not have begun to block, in milliseconds. */
const interruptPause = 5;
/** How long an interrupted read may take to end before its connection is closed, in milliseconds. */
const interruptTimeout = 2000;
/** How long to try to close a connection at the server, in milliseconds; no read blocks much longer. */
const killTimeout = 30_000;
/** Shortest and longest pause between two attempts to close a connection at the server, in milliseconds. */
const killPause = { min: 1000, max: 2000 };

/** Sends commands right behind a read, each with this timeout in milliseconds. */
export type FollowUp<T> = (connection: Pick<DedicatedClient, "command">, timeout: number) => Promise<T>;

/**
 * The connection of blocking reads. A read is never simply cut off, because the server could lease entries to it that
 * no worker receives. It is interrupted from another connection; if that fails, its connection is closed at both ends.
 */
export class BlockingConnection {
  readonly #redis: RedisClient;
  readonly #clock: Clock;
  readonly #onKilled: () => void;
  #connection: DedicatedClient | undefined;
  #closings = 0;
  /** The read in progress. */
  #read: symbol | undefined;
  /** The read that was interrupted last. */
  #interrupted: symbol | undefined;

  /**
   * @param redis Opens the connection, and interrupts reads.
   * @param options.onKilled Called after a connection was closed during a read, which may have leased entries.
   */
  constructor(redis: RedisClient, { clock, onKilled }: { clock: Clock; onKilled: () => void }) {
    this.#redis = redis;
    this.#clock = clock;
    this.#onKilled = onKilled;
  }

  /**
   * Sends a command that blocks for at most `ms` milliseconds.
   *
   * @param followUp Sends further commands right behind it, without a round trip in between.
   */
  async read<T>(command: CommandArguments, ms: number, followUp: FollowUp<T>): Promise<[Reply, T]> {
    const read = this.#read = Symbol();
    const timeout = ms + readGrace;
    try {
      const connection = this.#connection ??= await this.#open();
      return await Promise.all([connection.command(command, { timeout }), followUp(connection, timeout)]);
    } catch (error) {
      // A dedicated connection does not reconnect; the next read opens another one.
      if (!(error instanceof ReplyError)) await this.close();
      throw error;
    } finally {
      if (this.#read === read) this.#read = undefined;
    }
  }

  /** Interrupts the read in progress, if any, without losing entries that it has leased. */
  interrupt(): void {
    if (this.#read && this.#read !== this.#interrupted) void this.#interrupt(this.#interrupted = this.#read);
  }

  /** Closes the connection at both ends, even while it is being opened. */
  async close(): Promise<void> {
    this.#closings++;
    const connection = this.#connection;
    if (!connection) return;
    this.#connection = undefined;
    const isReading = this.#read !== undefined;
    await connection.close();
    if (isReading) void this.#kill(connection.clientId);
  }

  async #open(): Promise<DedicatedClient> {
    const closings = this.#closings;
    const connection = await this.#redis.dedicated();
    if (closings === this.#closings) return connection;
    await connection.close();
    throw new ConnectionError("CLOSED", "Cannot open the connection of blocking reads: it was closed meanwhile");
  }

  async #interrupt(read: symbol): Promise<void> {
    try {
      const deadline = this.#clock.monotonic() + interruptTimeout;
      while (this.#read === read && this.#clock.monotonic() < deadline) {
        const id = this.#connection?.clientId;
        // This has no effect while the read, or its reply, is still on its way.
        if (id !== undefined) await this.#redis.command(["CLIENT", "UNBLOCK", id], { timeout: interruptTimeout });
        await delay(interruptPause, { clock: this.#clock });
      }
    } catch {
      // Forbidden, or no connection: as if the interruption had no effect.
    }
    if (this.#read === read) await this.close();
  }

  async #kill(clientId: number): Promise<void> {
    const kill = () => this.#redis.command(["CLIENT", "KILL", "ID", clientId]);
    try {
      await retry(kill, { clock: this.#clock, pause: killPause, giveUpAfter: killTimeout, isTransient, ref: false });
      this.#onKilled();
    } catch {
      // Forbidden, or no connection: the server detects by itself that the connection is gone.
    }
  }
}

function isTransient(error: unknown): boolean {
  return adviceFor(error) === "retry";
}
