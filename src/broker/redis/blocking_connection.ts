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

/** How much later than its end a blocking read is given up, with its connection, in milliseconds. */
const overdue = 5000;
/** How long to wait before interrupting a read again that had not begun to block, in milliseconds. */
const interruptAgain = 5;
/** How long a read may take to end that was interrupted, in milliseconds; then its connection is taken for dead. */
const interruptPatience = 2000;
/** How long to try to close a connection at its other end, in milliseconds; no read blocks much longer. */
const killTimeout = 30_000;
/** Pause between two attempts at that, in milliseconds. */
const killPause = { min: 1000, max: 2000 };

/** Sends commands behind a read, each with this timeout in milliseconds. */
export type Follow<T> = (connection: Pick<DedicatedClient, "command">, timeout: number) => Promise<T>;

/**
 * The connection that waits for entries. A read there is never simply cut off: the server would lease entries to it
 * that nobody receives. It is interrupted from another connection, and if that fails, the connection is closed on both
 * ends.
 */
export class BlockingConnection {
  readonly #redis: RedisClient;
  readonly #clock: Clock;
  readonly #onKilled: () => void;
  #connection: DedicatedClient | undefined;
  #closings = 0;
  /** The read that is under way. */
  #read: symbol | undefined;
  /** The read that was last asked to end. */
  #interrupted: symbol | undefined;

  /**
   * @param redis Knows how to open the connection, and interrupts it.
   * @param options.onKilled Called when a connection was closed with a read under way that may have leased something.
   */
  constructor(redis: RedisClient, { clock, onKilled }: { clock: Clock; onKilled: () => void }) {
    this.#redis = redis;
    this.#clock = clock;
    this.#onKilled = onKilled;
  }

  /**
   * Sends a command that blocks for `ms` milliseconds at most.
   *
   * @param follow Sends what is to be done right after it, without a round trip in between.
   */
  async read<T>(command: CommandArguments, ms: number, follow: Follow<T>): Promise<[Reply, T]> {
    const read = this.#read = Symbol();
    const timeout = ms + overdue;
    try {
      const connection = this.#connection ??= await this.#open();
      return await Promise.all([connection.command(command, { timeout }), follow(connection, timeout)]);
    } catch (error) {
      // A dedicated connection does not come back; the next read opens another.
      if (!(error instanceof ReplyError)) await this.close();
      throw error;
    } finally {
      if (this.#read === read) this.#read = undefined;
    }
  }

  /** Ends the read that is under way, if there is one, without losing what it may bring. */
  interrupt(): void {
    if (this.#read && this.#read !== this.#interrupted) void this.#interrupt(this.#interrupted = this.#read);
  }

  /** Closes the connection, on both ends; one that is being opened too. */
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
    throw new ConnectionError("CLOSED", "Connection closed while it was opened");
  }

  async #interrupt(read: symbol): Promise<void> {
    try {
      const giveUpTime = this.#clock.monotonic() + interruptPatience;
      while (this.#read === read && this.#clock.monotonic() < giveUpTime) {
        const id = this.#connection?.clientId;
        // The answer is 0 while the read is still on its way, or its end.
        if (id !== undefined) await this.#redis.command(["CLIENT", "UNBLOCK", id], { timeout: interruptPatience });
        await delay(interruptAgain, { clock: this.#clock });
      }
    } catch {
      // Not allowed, or no connection: the same as interrupting in vain.
    }
    if (this.#read === read) await this.close();
  }

  async #kill(clientId: number): Promise<void> {
    const kill = () => this.#redis.command(["CLIENT", "KILL", "ID", clientId]);
    try {
      await retry(kill, { clock: this.#clock, pause: killPause, giveUpAfter: killTimeout, isTransient, ref: false });
      this.#onKilled();
    } catch {
      // Not allowed, or no connection: the server notices by itself that the connection is gone.
    }
  }
}

function isTransient(error: unknown): boolean {
  return adviceFor(error) === "retry";
}
