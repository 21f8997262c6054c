import { abortable } from "../base/async.ts";
import { checkOptionNames, optionRefusal } from "../base/known_options.ts";
import type { Reply } from "../resp/reply.ts";
import { Command, type CommandArguments, commandOptionNames, type CommandOptions } from "./command.ts";
import { type DedicatedClient, openDedicated } from "./dedicated.ts";
import { ConnectionError } from "./errors.ts";
import { type ClientOptions, type Settings, settingsOf } from "./options.ts";
import { Pipeline } from "./pipeline.ts";
import { request, transaction } from "./request.ts";
import { isHarmless, sharedRefusal, transactionRefusal } from "./rules.ts";
import { type Listener, Subscriber } from "./subscriber.ts";
import { type Message, subscribe, type SubscribeOptions } from "./subscription.ts";

/**
 * A client of a Redis server. It connects on first use, and reconnects when the connection is lost.
 *
 * All commands share one connection and are pipelined: the commands of one tick are sent together. When the connection
 * is lost, commands in flight reject with a {@linkcode ConnectionError}, as the server may or may not have executed
 * them. Commands that were not sent yet wait for the next connection.
 */
export interface RedisClient extends AsyncDisposable {
  /** Whether the server is part of a Cluster; `false` before the first connection, and if the server does not report it. */
  readonly isCluster: boolean;

  /**
   * Connects now instead of with the first command.
   *
   * @throws {ConnectionError} If there is no connection within `connectTimeout`, or the server refuses it.
   */
  connect(options?: { signal?: AbortSignal | undefined }): Promise<void>;

  /**
   * Sends a command. Byte arguments must not be changed before the promise settles.
   *
   * @param args Name of the command, then its arguments: strings (sent as UTF-8), numbers, bigints and bytes.
   * @param options See {@linkcode CommandOptions}.
   * @returns The reply: string (bytes with `binary`), number (bigint from 2^53), boolean, `null`, `Map`, `Set` or
   * array. An error inside an array is a value.
   * @throws {ReplyError} If the server replies with an error.
   * @throws {ConnectionError} If there is no connection, or it is lost.
   * @throws {TimeoutError} If there is no reply within `timeout`.
   * @throws {TypeError} If an argument has a wrong type, or the command needs a dedicated connection.
   *
   * @example
   * ```ts
   * import { createClient } from "@q/streaq/redis";
   *
   * await using redis = createClient();
   * await redis.command(["SET", "greeting", "hello", "PX", 1000]);
   * console.log(await redis.command<string | null>(["GET", "greeting"]));
   * ```
   */
  command<T extends Reply = Reply>(args: CommandArguments, options?: CommandOptions): Promise<T>;

  /**
   * Runs commands in a transaction (`MULTI`, `EXEC`), without other commands in between.
   *
   * @returns The replies in order, in which the error of a command is a value. `null` if a watched key has changed,
   * which is possible on a dedicated connection only.
   * @throws {ReplyError} If the server refuses a command. None is executed then.
   */
  transaction(commands: readonly CommandArguments[], options?: CommandOptions): Promise<Reply[] | null>;

  /**
   * Subscribes to channels immediately, before the iteration starts. All subscriptions share a second connection.
   *
   * Messages are buffered until the iteration takes them. Messages that are published while the connection is lost are
   * missed; `onSubscribed` is called when the channels are subscribed again.
   *
   * @returns Iterates over the messages. The iteration ends when the client is closed.
   * @throws {ReplyError} If the server refuses the subscription.
   * @throws {ConnectionError} If there is no connection.
   * @throws {SlowConsumerError} If the buffer is full.
   *
   * @example
   * ```ts
   * import { createClient } from "@q/streaq/redis";
   *
   * await using redis = createClient();
   * const onSubscribed = () => redis.command(["PUBLISH", "news", "it works"]);
   * for await (const { channel, message } of redis.subscribe(["news"], { onSubscribed })) {
   *   console.log(channel, message);
   *   break;
   * }
   * ```
   */
  subscribe(channels: readonly string[], options?: SubscribeOptions): AsyncIterableIterator<Message>;

  /**
   * Subscribes to a channel with callbacks, which receive messages as bytes. It is made for a large number of
   * short-lived channels: the subscriptions of one tick are sent in one command. Listeners survive lost connections,
   * and may be added before the first one.
   *
   * @returns Removes the listener. Safe to call repeatedly.
   * @throws {ConnectionError} If the client is closed.
   */
  listen(channel: string, listener: Listener): () => void;

  /**
   * Opens a connection that is not shared, for blocking commands, `WATCH`, `SELECT` and `MONITOR`. Closing the client
   * closes it too.
   *
   * @throws {ConnectionError} If there is no connection within `connectTimeout`, or the server refuses it.
   */
  dedicated(options?: { signal?: AbortSignal | undefined }): Promise<DedicatedClient>;

  /**
   * Lets the process exit by itself while no command is in flight, though connections are open. Commands still work.
   */
  unref(): void;

  /**
   * Closes every connection. Commands without a reply reject with a {@linkcode ConnectionError}, and subscriptions end.
   *
   * @returns Resolves when the sockets are closed.
   */
  close(): Promise<void>;
}

/**
 * Creates a client. It connects on first use.
 *
 * @param url `redis://user:password@host:6379/0`, `rediss://` for TLS, `valkey://`, `valkeys://`, or
 * `unix:///path/to/socket?db=0`. Everything except the scheme is optional; user name and password are percent-encoded.
 * @param options See {@linkcode ClientOptions}.
 * @throws {TypeError} If the URL or an option is invalid.
 * @throws {RangeError} If a number or a duration is out of range.
 *
 * @example
 * ```ts
 * import { createClient } from "@q/streaq/redis";
 *
 * await using redis = createClient("redis://localhost:6379", { retry: { min: 50, max: 2000 } });
 * console.log(await redis.command(["INCR", "visits"]));
 * ```
 */
export function createClient(url = "redis://localhost:6379", options: ClientOptions = {}): RedisClient {
  return new Client(settingsOf(url, options));
}

const connectOptionNames = { signal: true } as const;
/** Maximum number of names in `#harmless`. */
const maxHarmless = 1000;

class Client implements RedisClient {
  readonly #settings: Settings;
  readonly #pipeline: Pipeline;
  readonly #subscriber: Subscriber;
  /** Open dedicated connections. */
  readonly #dedicated = new Set<Pipeline>();
  /** Names of commands, as callers spell them, that are known to be allowed: a cache of `isHarmless()`. */
  readonly #harmless = new Set<string>();
  #closing: Promise<void> | undefined;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#subscriber = new Subscriber(settings);
    this.#pipeline = new Pipeline(settings, { reconnect: true, failedOver: () => this.#subscriber.renew() });
  }

  get isCluster(): boolean {
    return this.#pipeline.isCluster;
  }

  async connect(options: { signal?: AbortSignal | undefined } = {}): Promise<void> {
    checkOptionNames(options, connectOptionNames);
    const { signal } = options;
    signal?.throwIfAborted();
    await abortable(this.#pipeline.connect(), signal);
  }

  command<T extends Reply = Reply>(args: CommandArguments, options?: CommandOptions): Promise<T> {
    const refusal = (this.#harmless.has(args[0]) ? undefined : this.#refusal(args)) ??
      optionRefusal(options, commandOptionNames);
    if (refusal !== undefined) return Promise.reject(refusal);
    if (options?.signal !== undefined || options?.timeout !== undefined) {
      return request(this.#pipeline, args, options) as Promise<T>;
    }
    return new Promise((resolve, reject) => {
      this.#pipeline.send(
        new Command(args, options?.binary === true, resolve as (reply: Reply) => void, reject),
      );
    });
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

  subscribe(channels: readonly string[], options: SubscribeOptions = {}): AsyncIterableIterator<Message> {
    return subscribe(this.#subscriber, channels, options);
  }

  listen(channel: string, listener: Listener): () => void {
    return this.#subscriber.listen(channel, listener);
  }

  async dedicated(options: { signal?: AbortSignal | undefined } = {}): Promise<DedicatedClient> {
    checkOptionNames(options, connectOptionNames);
    const { signal } = options;
    signal?.throwIfAborted();
    if (this.#closing) throw closedError();
    return await openDedicated(this.#settings, this.#dedicated, signal);
  }

  unref(): void {
    this.#settings.hold.release();
  }

  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #refusal(args: CommandArguments): TypeError | undefined {
    if (this.#harmless.size < maxHarmless && isHarmless(args[0])) this.#harmless.add(args[0]);
    return sharedRefusal(args);
  }

  async #close(): Promise<void> {
    const parts = [this.#pipeline, this.#subscriber, ...this.#dedicated];
    await Promise.all(parts.map((part) => part.close(closedError())));
  }
}

function closedError(): ConnectionError {
  return new ConnectionError("CLOSED", "The client was closed");
}
