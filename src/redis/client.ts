import { abortable } from "../base/async.ts";
import type { Reply } from "../resp/reply.ts";
import { Command, type CommandArguments, type CommandOptions } from "./command.ts";
import { type DedicatedClient, openDedicated } from "./dedicated.ts";
import { ConnectionError } from "./errors.ts";
import { type ClientOptions, type Settings, settingsOf } from "./options.ts";
import { Pipeline } from "./pipeline.ts";
import { request, transaction } from "./request.ts";
import { isHarmless, sharedRefusal, transactionRefusal } from "./rules.ts";
import { type Listener, Subscriber } from "./subscriber.ts";
import { type Message, subscribe, type SubscribeOptions } from "./subscription.ts";

/**
 * A client of one server. It connects on first use, and again when the connection is lost.
 *
 * All commands share one connection: those of one tick leave together, and nobody waits for the reply to somebody
 * else's. A command that was sent when the connection is lost rejects with a {@linkcode ConnectionError}, as nobody
 * knows whether the server has executed it; one that was not waits for the next connection.
 */
export interface RedisClient extends AsyncDisposable {
  /**
   * Connects now rather than with the first command.
   *
   * @throws {ConnectionError} When there is no connection within `connectTimeout`, and at once when it is refused.
   */
  connect(options?: { signal?: AbortSignal | undefined }): Promise<void>;

  /**
   * Sends one command.
   *
   * The arguments must not be changed before the promise settles.
   *
   * @param args The name of the command, then its arguments: strings (sent as UTF-8), numbers, bigints and bytes.
   * @param options See {@linkcode CommandOptions}.
   * @returns The reply: string (or bytes, with `binary`), number (bigint beyond 2^53), boolean, `null`, `Map`, `Set`
   * or array. An error inside an array is a value.
   * @throws {ReplyError} When the server answers with an error.
   * @throws {ConnectionError} When there is no connection, or it is lost.
   * @throws {TimeoutError} When there is no reply within `timeout`.
   * @throws {TypeError} When the command is one that only a dedicated connection can run.
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
   * Runs commands in a transaction (`MULTI`, `EXEC`), sent in one piece.
   *
   * @returns The replies, in order; an error of one command is a value there. `null` when a key that was watched has
   * changed, which needs a dedicated connection.
   * @throws {ReplyError} When the server refuses a command, before any is executed.
   */
  transaction(commands: readonly CommandArguments[], options?: CommandOptions): Promise<Reply[] | null>;

  /**
   * Subscribes to channels, on a connection of its own that all subscriptions share. It begins with the call, not with
   * the first message asked for.
   *
   * Messages that are not taken yet wait in a buffer, of {@linkcode SubscribeOptions.buffer} messages. While the
   * connection is lost, messages are too; `onSubscribed` is called when it is back.
   *
   * @returns The messages. They end when the client is closed.
   * @throws {ReplyError} When the server refuses the subscription.
   * @throws {ConnectionError} When there is no connection.
   * @throws {SlowConsumerError} When the buffer is full.
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
   * The same for one channel, by callback and in bytes: made for very many channels that live shortly. What is asked
   * for in one tick is sent in one command. Listeners stay through lost connections, also before the first one.
   *
   * @returns Stops listening. Harmless when called again.
   */
  listen(channel: string, listener: Listener): () => void;

  /**
   * Opens a connection with one owner, for what cannot be shared: blocking commands, `WATCH`, `SELECT`, `MONITOR`.
   * It is closed with this client at the latest.
   *
   * @throws {ConnectionError} When there is no connection within `connectTimeout`, and at once when it is refused.
   */
  dedicated(options?: { signal?: AbortSignal | undefined }): Promise<DedicatedClient>;

  /**
   * Closes every connection. What has no reply yet rejects with a {@linkcode ConnectionError}, subscriptions end.
   * Resolves when the sockets are closed.
   */
  close(): Promise<void>;
}

/**
 * Makes a client. Nothing connects before it is first used.
 *
 * @param url `redis://user:password@host:6379/0`, `rediss://` for TLS, `unix:///path/to/socket?db=0`. Everything but
 * the scheme may be left out; user name and password are percent-encoded.
 * @param options See {@linkcode ClientOptions}.
 * @throws {TypeError} When the URL or an option is invalid.
 * @throws {RangeError} When a number or a duration is out of range.
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

/** Whoever makes up more names of commands than this pays for each. */
const maxNames = 1000;

class Client implements RedisClient {
  readonly #settings: Settings;
  readonly #pipeline: Pipeline;
  readonly #subscriber: Subscriber;
  /** Dedicated connections that are open. */
  readonly #dedicated = new Set<Pipeline>();
  /** Names of commands, as callers spell them, that need no second look. */
  readonly #harmless = new Set<string>();
  #closing: Promise<void> | undefined;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#pipeline = new Pipeline(settings, { reconnect: true });
    this.#subscriber = new Subscriber(settings);
  }

  async connect({ signal }: { signal?: AbortSignal | undefined } = {}): Promise<void> {
    signal?.throwIfAborted();
    await abortable(this.#pipeline.connect(), signal);
  }

  command<T extends Reply = Reply>(args: CommandArguments, options?: CommandOptions): Promise<T> {
    const refusal = this.#harmless.has(args[0]) ? undefined : this.#refusal(args);
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
    return transaction(this.#pipeline, commands, options);
  }

  subscribe(channels: readonly string[], options: SubscribeOptions = {}): AsyncIterableIterator<Message> {
    return subscribe(this.#subscriber, channels, options);
  }

  listen(channel: string, listener: Listener): () => void {
    return this.#subscriber.listen(channel, listener);
  }

  async dedicated({ signal }: { signal?: AbortSignal | undefined } = {}): Promise<DedicatedClient> {
    signal?.throwIfAborted();
    if (this.#closing) throw closedError();
    return await openDedicated(this.#settings, this.#dedicated, signal);
  }

  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #refusal(args: CommandArguments): TypeError | undefined {
    if (this.#harmless.size < maxNames && isHarmless(args[0])) this.#harmless.add(args[0]);
    return sharedRefusal(args);
  }

  async #close(): Promise<void> {
    const parts = [this.#pipeline, this.#subscriber, ...this.#dedicated];
    await Promise.all(parts.map((part) => part.close(closedError())));
  }
}

function closedError(): ConnectionError {
  return new ConnectionError("CLOSED", "Client closed");
}
