import { abortable } from "../base/async.ts";
import type { Reply } from "../resp/reply.ts";
import type { Connection } from "./connection.ts";
import type { CommandArguments, CommandOptions } from "./command.ts";
import { ConnectionError } from "./errors.ts";
import type { Settings } from "./options.ts";
import { Pipeline } from "./pipeline.ts";
import { request, transaction } from "./request.ts";
import { blockingTime, dedicatedRefusal, transactionRefusal } from "./rules.ts";
import { BoundedStream, type StreamOptions } from "./stream.ts";

/**
 * A connection with one owner, made by {@linkcode RedisClient.dedicated}, for what cannot be shared.
 *
 * What it was told (`WATCH`, `SELECT`) lives on the server's side of the connection, so it is not replaced when it is
 * lost: every command then rejects with a {@linkcode ConnectionError}, and its owner opens another one.
 *
 * @example
 * ```ts
 * import { createClient } from "@q/streaq/redis";
 *
 * await using redis = createClient();
 * await using own = await redis.dedicated();
 * await own.command(["WATCH", "balance"]);
 * const balance = Number(await own.command(["GET", "balance"]));
 * const replies = await own.transaction([["SET", "balance", balance + 1]]);
 * if (replies === null) console.log("somebody else was faster");
 * ```
 */
export interface DedicatedClient extends AsyncDisposable {
  /** The server's number for the connection, for `CLIENT UNBLOCK` and `CLIENT KILL`; 0 when it would not tell. */
  readonly clientId: number;

  /**
   * Sends one command, as {@linkcode RedisClient.command} does.
   *
   * A command that was sent and has no reply after `timeout` takes the connection with it. Without a timeout a
   * blocking command may take as long as it says, and `silenceTimeout` on top.
   *
   * @throws {ReplyError} When the server answers with an error.
   * @throws {ConnectionError} When the connection is lost.
   * @throws {TimeoutError} When there is no reply within `timeout`.
   * @throws {TypeError} When the command is one that a method is for.
   */
  command<T extends Reply = Reply>(args: CommandArguments, options?: CommandOptions): Promise<T>;

  /**
   * Runs commands in a transaction, as {@linkcode RedisClient.transaction} does.
   *
   * @returns The replies; `null` when a key that was watched has changed.
   */
  transaction(commands: readonly CommandArguments[], options?: CommandOptions): Promise<Reply[] | null>;

  /**
   * Every command that the server executes, as `MONITOR` tells it, from now on. The connection is closed when the
   * iteration ends.
   *
   * @returns Lines like `1763892000.123456 [0 127.0.0.1:50000] "GET" "key"`.
   * @throws {ReplyError} When the server refuses.
   * @throws {ConnectionError} When the connection is lost.
   * @throws {SlowConsumerError} When the buffer is full.
   */
  monitor(options?: StreamOptions): AsyncIterableIterator<string>;

  /** Closes the connection. What has no reply yet rejects with a {@linkcode ConnectionError}. */
  close(): Promise<void>;
}

/**
 * Opens a dedicated connection.
 *
 * @param open Holds it until it is closed or lost.
 */
export async function openDedicated(
  settings: Settings,
  open: Set<Pipeline>,
  signal: AbortSignal | undefined,
): Promise<DedicatedClient> {
  let dedicated: Dedicated | undefined;
  const pipeline: Pipeline = new Pipeline(settings, {
    reconnect: false,
    closed: (reason) => {
      open.delete(pipeline);
      dedicated?.closed(reason);
    },
  });
  open.add(pipeline);
  try {
    const connection = await abortable(pipeline.connect(), signal);
    return dedicated = new Dedicated(pipeline, connection);
  } catch (error) {
    await pipeline.close(closedError());
    throw error;
  }
}

function closedError(): ConnectionError {
  return new ConnectionError("CLOSED", "Connection closed");
}

class Dedicated implements DedicatedClient {
  readonly clientId: number;
  readonly #pipeline: Pipeline;
  readonly #connection: Connection;
  #lines: BoundedStream<string> | undefined;

  constructor(pipeline: Pipeline, connection: Connection) {
    this.#pipeline = pipeline;
    this.#connection = connection;
    this.clientId = connection.greeting.clientId;
  }

  command<T extends Reply = Reply>(args: CommandArguments, options: CommandOptions = {}): Promise<T> {
    const refusal = dedicatedRefusal(args);
    if (refusal !== undefined) return Promise.reject(refusal);
    return request(this.#pipeline, args, options, blockingTime(args)) as Promise<T>;
  }

  transaction(commands: readonly CommandArguments[], options: CommandOptions = {}): Promise<Reply[] | null> {
    for (const args of commands) {
      const refusal = transactionRefusal(args);
      if (refusal !== undefined) return Promise.reject(refusal);
    }
    return transaction(this.#pipeline, commands, options);
  }

  monitor(options: StreamOptions = {}): AsyncIterableIterator<string> {
    if (this.#lines) throw new TypeError("MONITOR runs on this connection already");
    const lines = this.#lines = new BoundedStream<string>(options, () => void this.close());
    this.#connection.divert((value) => {
      const isLine = typeof value === "string" && /^\d+\.\d+ \[/.test(value);
      if (isLine) lines.push(value);
      return isLine;
    }, { binary: false });
    request(this.#pipeline, ["MONITOR"], {}).catch((reason) => lines.end({ reason }));
    return lines;
  }

  /** The connection is gone. */
  closed(reason: ConnectionError): void {
    this.#lines?.end(reason.code === "CLOSED" ? undefined : { reason });
  }

  close(): Promise<void> {
    return this.#pipeline.close(closedError());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
