import { nextTick } from "node:process";
import type { Timer } from "../base/clock.ts";
import { Fifo } from "../base/fifo.ts";
import type { Reply } from "../resp/reply.ts";
import { Command } from "./command.ts";
import type { Connection } from "./connection.ts";
import { ConnectionError, reasonOf } from "./errors.ts";
import { Link } from "./link.ts";
import type { Settings } from "./options.ts";
import { displayUrl } from "./url.ts";

/**
 * Callbacks for the messages of a channel, for {@linkcode RedisClient.listen}. They must not throw: the client logs the
 * error and continues.
 */
export interface Listener {
  /** Called with each message that is published on the channel. */
  message(payload: Uint8Array): void;
  /**
   * Called when the subscription is confirmed, and again after each lost connection. Messages that were published
   * before that are missed.
   */
  subscribed?(): void;
  /**
   * Called when there is no subscription, because the server refuses it or cannot be reached. The client subscribes
   * again when the server is back.
   */
  failed?(reason: Error): void;
  /**
   * Whether nothing waits for the listener's messages: a half-open connection may be detected after half a minute instead
   * of seconds, which saves pings. A listener without this method is never idle.
   */
  isIdle?(): boolean;
  /** Called when no more messages will arrive: the client was closed, or a lost connection is not replaced. */
  closed?(reason: ConnectionError): void;
}

/**
 * A channel with listeners, or that had some a moment ago.
 *
 * It is `unsubscribed` until the command is sent, `pending` until the server confirms it, and then `subscribed`.
 */
interface Channel {
  readonly name: string;
  readonly listeners: Listener[];
  state: "unsubscribed" | "pending" | "subscribed";
}

/** Maximum number of channels in one command: the server does nothing else while it executes it. */
const channelsPerCommand = 1000;
/** How long a connection without channels is kept open, in milliseconds. */
const idleTime = 10_000;
/** How long a channel without listeners stays subscribed, in milliseconds, so that several are left with one write. */
const unsubscribeDelay = 50;

const decoder: { decode(bytes: Uint8Array): string } = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * The subscriptions of a client, over one connection that is open while there are listeners.
 *
 * The connection uses RESP2 on purpose. Every server supports it, and messages are replies there, so they can be
 * decoded as bytes.
 *
 * Listeners that are added within a tick are subscribed at its end, with one command for all channels. Channels that
 * have no listeners any more are unsubscribed with the next such command, or after a short delay. A subscriber is
 * `offline` without a connection and `online` with one; `closed` is final.
 */
export class Subscriber {
  readonly #settings: Settings;
  readonly #link: Link;
  readonly #channels = new Map<string, Channel>();
  /** Channels to subscribe or unsubscribe. */
  readonly #changed = new Set<Channel>();
  /** Channels in a `SUBSCRIBE` command, in the order in which the server confirms them. */
  #unconfirmed = new Fifo<Channel>();
  #state: "offline" | "online" | "closed" = "offline";
  #connection: Connection | undefined;
  #reason: ConnectionError | undefined;
  /** Whether `#flush()` will be called at the end of the tick. */
  #scheduled = false;
  /** Closes an idle connection. */
  #idleTimer: Timer | undefined;
  /** Unsubscribes channels without listeners. */
  #unsubscribeTimer: Timer | undefined;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#link = new Link(settings, {
      ready: (connection) => this.#ready(connection),
      drained: () => {},
      lost: (reason) => this.#lost(reason),
      failed: (reason) => this.#notifyAll((listener) => listener.failed?.(reason)),
      shouldReconnect: () => this.#channels.size > 0,
    }, { protocol: 2 });
  }

  /**
   * Adds a listener to a channel.
   *
   * @returns Removes the listener.
   * @throws {ConnectionError} If the subscriber is closed.
   */
  listen(name: string, listener: Listener): () => void {
    if (this.#reason) throw this.#reason;
    const channel = this.#channels.get(name) ?? { name, listeners: [], state: "unsubscribed" };
    this.#channels.set(name, channel);
    channel.listeners.push(listener);
    this.#flushLater(channel);
    this.#link.open();
    let isListening = true;
    if (channel.state === "subscribed" || this.#link.failure) {
      nextTick(() => {
        if (isListening) this.#notifyNew(channel, listener);
      });
    }
    return () => {
      if (!isListening) return;
      isListening = false;
      channel.listeners.splice(channel.listeners.indexOf(listener), 1);
      if (channel.listeners.length === 0) this.#unsubscribeLater(channel);
    };
  }

  /** Subscribes again on a new connection, after a failover: the old server may stay up, but get no more messages. */
  renew(): void {
    this.#link.renew(new Error("The server was replaced by another one"));
  }

  /** Ends every subscription and closes the connection; resolves when the socket is closed. */
  close(reason: ConnectionError): Promise<void> {
    if (this.#state !== "closed") this.#move("closed", undefined, reason);
    return this.#link.close(reason);
  }

  #move(state: "offline" | "online" | "closed", connection?: Connection, reason?: ConnectionError): void {
    this.#state = state;
    this.#connection = connection;
    this.#reason = reason;
    this.#unconfirmed = new Fifo();
    for (const channel of [...this.#channels.values()]) {
      channel.state = "unsubscribed";
      if (channel.listeners.length === 0) this.#channels.delete(channel.name);
      if (state === "online") this.#changed.add(channel);
    }
    if (state === "online") return this.#flush();
    this.#unsubscribeTimer?.cancel();
    this.#unsubscribeTimer = undefined;
    this.#idleTimer?.cancel();
    if (state === "offline") return;
    this.#notifyAll((listener) => listener.closed?.(reason as ConnectionError));
    this.#channels.clear();
    this.#changed.clear();
  }

  #ready(connection: Connection): void {
    connection.divert((value) => Array.isArray(value) && this.#receive(value), {
      binary: true,
      isUrgent: () => this.#isUrgent(),
    });
    this.#move("online", connection);
  }

  /** Whether a listener needs to know within seconds that the connection is lost. */
  #isUrgent(): boolean {
    for (const { listeners } of this.#channels.values()) {
      if (listeners.some((listener) => !listener.isIdle?.())) return true;
    }
    return false;
  }

  #lost(reason: Error): void {
    if (this.#settings.retry !== false) return this.#move("offline");
    const message = `Connection to ${displayUrl(this.#settings.target)} lost: ${reasonOf(reason)}`;
    this.close(new ConnectionError("LOST", message, { cause: reason }));
  }

  /** Subscribes to a channel at the end of the tick. */
  #flushLater(channel: Channel): void {
    this.#changed.add(channel);
    if (this.#scheduled) return;
    this.#scheduled = true;
    nextTick(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  /** Unsubscribes from a channel soon. A write is expensive, and the next listener that is added needs one anyway. */
  #unsubscribeLater(channel: Channel): void {
    this.#changed.add(channel);
    this.#unsubscribeTimer ??= this.#settings.clock.timer(unsubscribeDelay, () => this.#flush(), { ref: false });
  }

  /** Subscribes to the changed channels that have listeners, and unsubscribes from those that have none. */
  #flush(): void {
    this.#unsubscribeTimer?.cancel();
    this.#unsubscribeTimer = undefined;
    if (this.#state === "closed") return;
    const added: Channel[] = [];
    const removed: Channel[] = [];
    for (const channel of this.#changed) {
      const { name, listeners, state } = channel;
      if (listeners.length === 0) {
        if (this.#channels.get(name) === channel) this.#channels.delete(name);
        if (state !== "unsubscribed") removed.push(channel);
      } else if (state === "unsubscribed") added.push(channel);
    }
    this.#changed.clear();
    this.#send("UNSUBSCRIBE", removed);
    this.#send("SUBSCRIBE", added);
    this.#connection?.flush();
    this.#idleTimer?.cancel();
    if (this.#channels.size === 0) this.#closeLater();
  }

  /** Closes the connection if no listener is added for a while. */
  #closeLater(): void {
    this.#idleTimer = this.#settings.clock.timer(idleTime, () => {
      this.#move("offline");
      this.#link.rest(new ConnectionError("CLOSED", "The connection was closed, as no listeners are left"));
    }, { ref: false });
  }

  #send(name: "SUBSCRIBE" | "UNSUBSCRIBE", channels: readonly Channel[]): void {
    const connection = this.#connection;
    if (!connection) return;
    for (let i = 0; i < channels.length; i += channelsPerCommand) {
      const chunk = channels.slice(i, i + channelsPerCommand);
      for (const channel of chunk) {
        channel.state = name === "SUBSCRIBE" ? "pending" : "unsubscribed";
        if (name === "SUBSCRIBE") this.#unconfirmed.push(channel);
      }
      const args = [name, ...chunk.map((channel) => channel.name)];
      const command = new Command(args, true, () => {}, (reason) => this.#refused(chunk, reason));
      command.replies = chunk.length;
      connection.send(command);
    }
  }

  /** Handles the refusal of a command: subscribes to its channels one by one, to find out which are refused. */
  #refused(channels: readonly Channel[], reason: unknown): void {
    if (reason instanceof ConnectionError) return;
    for (const channel of channels) {
      this.#unconfirmed.shift();
      if (channel.state !== "pending") continue;
      channel.state = "unsubscribed";
      if (channels.length > 1) this.#send("SUBSCRIBE", [channel]);
      else this.#notify(channel.listeners, (listener) => listener.failed?.(reason as Error));
    }
    this.#connection?.flush();
  }

  #receive([kind, name, payload]: Reply[]): boolean {
    switch ((kind as Uint8Array)[0]) {
      case 0x6d: // message
        this.#deliver(name as Uint8Array, payload as Uint8Array);
        return true;
      case 0x73: // subscribe
        this.#confirm(this.#unconfirmed.shift());
        break;
    }
    // "subscribe" and "unsubscribe" are replies to a command, and so is "pong", which is an array here.
    this.#connection?.acknowledge();
    return true;
  }

  #confirm(channel: Channel | undefined): void {
    // The last listener may have been removed meanwhile.
    if (channel?.state !== "pending") return;
    channel.state = "subscribed";
    this.#notify(channel.listeners, (listener) => listener.subscribed?.());
  }

  #deliver(name: Uint8Array, payload: Uint8Array): void {
    const channel = this.#channels.get(decoder.decode(name));
    if (channel) this.#notify(channel.listeners, (listener) => listener.message(payload));
  }

  /** Notifies a new listener of a state that the other listeners of the channel know already. */
  #notifyNew(channel: Channel, listener: Listener): void {
    const { failure } = this.#link;
    if (failure) this.#notify([listener], (listener) => listener.failed?.(failure));
    else if (channel.state === "subscribed") this.#notify([listener], (listener) => listener.subscribed?.());
  }

  #notifyAll(call: (listener: Listener) => void): void {
    for (const channel of [...this.#channels.values()]) this.#notify(channel.listeners, call);
  }

  #notify(listeners: readonly Listener[], call: (listener: Listener) => void): void {
    // A copy, as a listener may add or remove listeners.
    for (const listener of [...listeners]) {
      try {
        call(listener);
      } catch (error) {
        this.#settings.logger?.error(`A channel listener has thrown an error: ${reasonOf(error)}`);
      }
    }
  }
}
