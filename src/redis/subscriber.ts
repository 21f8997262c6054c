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

/** Who hears what is published on a channel. None of these should throw; what they throw is logged. */
export interface Listener {
  /** A message was published. */
  message(payload: Uint8Array): void;
  /** The subscription holds, for the first time or again: what was published before was missed. */
  subscribed?(): void;
  /** The subscription does not hold, as the server refuses it or cannot be reached. With the server back, it is tried again. */
  failed?(reason: Error): void;
  /** Whether it may take half a minute, instead of seconds, until a connection is found to be silent: it costs fewer pings. */
  isPatient?(): boolean;
  /** No more messages come, as the client was closed or its connection is not replaced. */
  closed?(reason: ConnectionError): void;
}

/** A channel, and what the server knows of it: nothing, that we `asked` for it, or it has confirmed it (`live`). */
interface Channel {
  readonly name: string;
  readonly listeners: Listener[];
  state: "unknown" | "asked" | "live";
}

/** How many channels go in one command; the server does nothing else meanwhile. */
const chunk = 1000;
/** How long the connection stays when nobody listens, in milliseconds. */
const linger = 10_000;
/** How long a channel may stay that nobody listens to; meanwhile the server may be told together with other news. */
const forget = 50;

const decoder: { decode(bytes: Uint8Array): string } = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * All subscriptions of a client, over one connection that is there while somebody listens.
 *
 * The connection speaks RESP2 on purpose: there, messages are replies like any other, so that they can be had in bytes,
 * and every server knows it.
 *
 * A channel is in the table while it has listeners, and a little longer. Those whose listeners changed are looked at
 * when the server is told what came and what went: at the end of the tick in which one came. The subscriber is `offline` without a connection, `online` with one, and
 * `closed` for good.
 */
export class Subscriber {
  readonly #settings: Settings;
  readonly #link: Link;
  readonly #channels = new Map<string, Channel>();
  /** Those that may have come or gone in this tick. */
  readonly #changed = new Set<Channel>();
  /** Those that the server was asked for, in the order in which it confirms them. */
  #asked = new Fifo<Channel>();
  #state: "offline" | "online" | "closed" = "offline";
  #connection: Connection | undefined;
  #reason: ConnectionError | undefined;
  #scheduled = false;
  #linger: Timer | undefined;
  #forgetting: Timer | undefined;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#link = new Link(settings, {
      ready: (connection) => this.#ready(connection),
      drained: () => {},
      lost: (reason) => this.#lost(reason),
      failed: (reason) => this.#tellAll((listener) => listener.failed?.(reason)),
      wanted: () => this.#channels.size > 0,
    }, { protocol: 2 });
  }

  /**
   * Listens to a channel.
   *
   * @returns Stops listening.
   * @throws {ConnectionError} When it is closed.
   */
  listen(name: string, listener: Listener): () => void {
    if (this.#reason) throw this.#reason;
    const channel = this.#channels.get(name) ?? { name, listeners: [], state: "unknown" };
    this.#channels.set(name, channel);
    channel.listeners.push(listener);
    this.#touch(channel);
    this.#link.open();
    let listening = true;
    if (channel.state === "live" || this.#link.failure) {
      nextTick(() => {
        if (listening) this.#catchUp(channel, listener);
      });
    }
    return () => {
      if (!listening) return;
      listening = false;
      channel.listeners.splice(channel.listeners.indexOf(listener), 1);
      if (channel.listeners.length === 0) this.#forget(channel);
    };
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
    this.#asked = new Fifo();
    for (const channel of [...this.#channels.values()]) {
      channel.state = "unknown";
      if (channel.listeners.length === 0) this.#channels.delete(channel.name);
      if (state === "online") this.#changed.add(channel);
    }
    if (state === "online") return this.#flush();
    this.#forgetting?.cancel();
    this.#forgetting = undefined;
    this.#linger?.cancel();
    if (state === "offline") return;
    this.#tellAll((listener) => listener.closed?.(reason as ConnectionError));
    this.#channels.clear();
    this.#changed.clear();
  }

  #ready(connection: Connection): void {
    const atStake = () => this.#isUrgent();
    connection.divert((value) => Array.isArray(value) && this.#receive(value), { binary: true, atStake });
    this.#move("online", connection);
  }

  /** Whether somebody listens who wants to know soon that the connection is gone. */
  #isUrgent(): boolean {
    for (const { listeners } of this.#channels.values()) {
      if (listeners.some((listener) => !listener.isPatient?.())) return true;
    }
    return false;
  }

  #lost(reason: Error): void {
    if (this.#settings.retry !== false) return this.#move("offline");
    const message = `Connection to ${displayUrl(this.#settings.target)} lost: ${reasonOf(reason)}`;
    this.close(new ConnectionError("LOST", message, { cause: reason }));
  }

  #touch(channel: Channel): void {
    this.#changed.add(channel);
    if (this.#scheduled) return;
    this.#scheduled = true;
    nextTick(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  /** Leaves a channel soon. A write costs more than anything else here, and the next newcomer needs one anyway. */
  #forget(channel: Channel): void {
    this.#changed.add(channel);
    this.#forgetting ??= this.#settings.clock.timer(forget, () => this.#flush(), { ref: false });
  }

  /** Tells the server what came and what went. */
  #flush(): void {
    this.#forgetting?.cancel();
    this.#forgetting = undefined;
    if (this.#state === "closed") return;
    const come: Channel[] = [];
    const gone: Channel[] = [];
    for (const channel of this.#changed) {
      const { name, listeners, state } = channel;
      if (listeners.length === 0) {
        if (this.#channels.get(name) === channel) this.#channels.delete(name);
        if (state !== "unknown") gone.push(channel);
      } else if (state === "unknown") come.push(channel);
    }
    this.#changed.clear();
    this.#send("UNSUBSCRIBE", gone);
    this.#send("SUBSCRIBE", come);
    this.#connection?.flush();
    this.#linger?.cancel();
    if (this.#channels.size === 0) this.#rest();
  }

  /** Gives the connection up when nobody has come back for a while. */
  #rest(): void {
    this.#linger = this.#settings.clock.timer(linger, () => {
      this.#move("offline");
      this.#link.rest(new ConnectionError("CLOSED", "Nobody listens any more"));
    }, { ref: false });
  }

  #send(name: "SUBSCRIBE" | "UNSUBSCRIBE", channels: readonly Channel[]): void {
    const connection = this.#connection;
    if (!connection) return;
    for (let i = 0; i < channels.length; i += chunk) {
      const some = channels.slice(i, i + chunk);
      for (const channel of some) {
        channel.state = name === "SUBSCRIBE" ? "asked" : "unknown";
        if (name === "SUBSCRIBE") this.#asked.push(channel);
      }
      const args = [name, ...some.map((channel) => channel.name)];
      const command = new Command(args, true, () => {}, (reason) => this.#refused(some, reason));
      command.replies = some.length;
      connection.send(command);
    }
  }

  /** The server refuses one of these channels. To find out which, they are asked for one by one. */
  #refused(channels: readonly Channel[], reason: unknown): void {
    if (reason instanceof ConnectionError) return;
    for (const channel of channels) {
      this.#asked.shift();
      if (channel.state !== "asked") continue;
      channel.state = "unknown";
      if (channels.length > 1) this.#send("SUBSCRIBE", [channel]);
      else this.#tell(channel.listeners, (listener) => listener.failed?.(reason as Error));
    }
    this.#connection?.flush();
  }

  #receive([kind, name, payload]: Reply[]): boolean {
    switch ((kind as Uint8Array)[0]) {
      case 0x6d: // message
        this.#deliver(name as Uint8Array, payload as Uint8Array);
        return true;
      case 0x73: // subscribe
        this.#confirm(this.#asked.shift());
        break;
    }
    // That, like "unsubscribe", is one of the replies to a command. The reply to a PING is an array here too.
    this.#connection?.acknowledge();
    return true;
  }

  #confirm(channel: Channel | undefined): void {
    // It may have been given up meanwhile.
    if (channel?.state !== "asked") return;
    channel.state = "live";
    this.#tell(channel.listeners, (listener) => listener.subscribed?.());
  }

  #deliver(name: Uint8Array, payload: Uint8Array): void {
    const channel = this.#channels.get(decoder.decode(name));
    if (channel) this.#tell(channel.listeners, (listener) => listener.message(payload));
  }

  /** Tells a newcomer what the others know already. */
  #catchUp(channel: Channel, listener: Listener): void {
    const { failure } = this.#link;
    if (failure) this.#tell([listener], (listener) => listener.failed?.(failure));
    else if (channel.state === "live") this.#tell([listener], (listener) => listener.subscribed?.());
  }

  #tellAll(event: (listener: Listener) => void): void {
    for (const channel of [...this.#channels.values()]) this.#tell(channel.listeners, event);
  }

  #tell(listeners: readonly Listener[], event: (listener: Listener) => void): void {
    // A copy, as listeners come and go while they are told.
    for (const listener of [...listeners]) {
      try {
        event(listener);
      } catch (error) {
        this.#settings.logger?.error(`A listener of a channel has failed: ${reasonOf(error)}`);
      }
    }
  }
}
