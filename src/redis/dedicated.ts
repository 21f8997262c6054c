import { abortable } from "../base/async.ts";
import { checkOptionNames, optionRefusal } from "../base/known_options.ts";
import type { Reply } from "../resp/reply.ts";
import type { Connection } from "./connection.ts";
import { type CommandArguments, commandOptionNames, type CommandOptions } from "./command.ts";
import { ConnectionError } from "./errors.ts";
import type { Settings } from "./options.ts";
import { Pipeline } from "./pipeline.ts";
import { request, transaction } from "./request.ts";
import { blockingTime, dedicatedRefusal, transactionRefusal } from "./rules.ts";
import { BoundedStream, streamOptionNames, type StreamOptions } from "./stream.ts";

/**
 * A connection that is not shared, for blocking commands, `WATCH`, `SELECT` and `MONITOR`. It is opened with
 * {@linkcode RedisClient.dedicated}.
 *
 * The server keeps the state of the connection, such as watched keys and the selected database. A lost connection is
 * therefore not replaced: every command rejects with a {@linkcode ConnectionError}, and the caller has to open another.
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
 * if (replies === null) console.log("Another client has changed the balance");
 * ```
 */
export interface DedicatedClient extends AsyncDisposable {
  /** Id of the connection for `CLIENT UNBLOCK` and `CLIENT KILL`; 0 if the server does not report it. */
  readonly clientId: number;

  /**
   * Sends a command like {@linkcode RedisClient.command}.
   *
   * If there is no reply within `timeout`, the connection is closed. Without `timeout`, a blocking command may block
   * for its own timeout plus `silenceTimeout`.
   *
   * @throws {ReplyError} If the server replies with an error.
   * @throws {ConnectionError} If the connection is lost or closed.
   * @throws {TimeoutError} If there is no reply within `timeout`.
   * @throws {TypeError} If the command is not allowed, because a method of the client exists for it.
   */
  command<T extends Reply = Reply>(args: CommandArguments, options?: CommandOptions): Promise<T>;

  /**
   * Runs commands in a transaction like {@linkcode RedisClient.transaction}.
   *
   * @returns The replies in order, or `null` if a watched key has changed.
   */
  transaction(commands: readonly CommandArguments[], options?: CommandOptions): Promise<Reply[] | null>;

  /**
   * Iterates over the commands that the server executes, with `MONITOR`. The connection is closed when the iteration
   * ends.
   *
   * @returns Lines such as `1763892000.123456 [0 127.0.0.1:50000] "GET" "key"`.
   * @throws {ReplyError} If the server refuses.
   * @throws {ConnectionError} If the connection is lost.
   * @throws {SlowConsumerError} If the buffer is full.
   */
  monitor(options?: StreamOptions): AsyncIterableIterator<string>;

  /** Closes the connection. Commands without a reply reject with a {@linkcode ConnectionError}. */
  close(): Promise<void>;
}

/**
 * Opens a dedicated connection.
 *
 * @param open Set of the open connections, from which it is removed when it is closed or lost.
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
  return new ConnectionError("CLOSED", "The connection was closed");
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
    const refusal = dedicatedRefusal(args) ?? optionRefusal(options, commandOptionNames);
    if (refusal !== undefined) return Promise.reject(refusal);
    return request(this.#pipeline, args, options, blockingTime(args)) as Promise<T>;
  }

  transaction(commands: readonly CommandArguments[], options: CommandOptions = {}): Promise<Reply[] | null> {
    for (const args of commands) {
      const refusal = transactionRefusal(args);
      if (refusal !== undefined) return Promise.reject(refusal);
    }
    const refusal = optionRefusal(options, commandOptionNames);
    if (refusal !== undefined) return Promise.reject(refusal);
    return transaction(this.#pipeline, commands, options);
  }

  monitor(options: StreamOptions = {}): AsyncIterableIterator<string> {
    if (this.#lines) throw new TypeError("Cannot run MONITOR: it is already running on this connection");
    checkOptionNames(options, streamOptionNames);
    const lines = this.#lines = new BoundedStream<string>(options, () => void this.close());
    this.#connection.divert((value) => {
      const isLine = typeof value === "string" && /^\d+\.\d+ \[/.test(value);
      if (isLine) lines.push(value);
      return isLine;
    }, { binary: false });
    request(this.#pipeline, ["MONITOR"], {}).catch((reason) => lines.end({ reason }));
    return lines;
  }

  /** Ends `monitor()` after the connection was closed or lost. */
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
