import { connect, isIP, Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions } from "node:tls";
import type { Target } from "./url.ts";

/** Options of `node:tls`, such as `ca`, `cert`, `key`, `servername` and `rejectUnauthorized`. */
export type TlsOptions = ConnectionOptions;

/** Events of a {@linkcode Transport}. */
export interface TransportEvents {
  /** The socket is connected and, with TLS, encrypted. */
  open(): void;
  /** Bytes have arrived. */
  data(chunk: Uint8Array): void;
  /** The written bytes are sent; more may be written. */
  drain(): void;
  /** The socket is closed, because of an error if one is given. The last event, emitted once. */
  close(error: Error | undefined): void;
}

/** How many bytes a socket buffers before it is full. A smaller buffer would interrupt every large batch. */
const writableHighWaterMark = 1024 * 1024;
const keepAliveInitialDelay = 10_000;

/** A TCP, TLS or Unix socket. No other module uses `node:net` or `node:tls`. */
export class Transport {
  readonly #socket: Socket;
  readonly #events: TransportEvents;
  #closed = false;

  /** Starts to connect. */
  constructor(target: Target, tls: TlsOptions | undefined, events: TransportEvents) {
    this.#events = events;
    this.#socket = open(target, tls);
    const socket = this.#socket;
    socket.on(target.tls ? "secureConnect" : "connect", () => this.#closed || events.open());
    socket.on("data", (chunk: Uint8Array) => this.#closed || events.data(chunk));
    socket.on("drain", () => this.#closed || events.drain());
    // Not removed on close: a socket may emit errors after it is closed, and an unhandled one would end the process.
    socket.on("error", (error) => this.#close(error));
    socket.on("end", () => this.#close(undefined));
    socket.on("close", () => this.#close(undefined));
  }

  /** Writes, in one system call if possible. Returns `false` if no more should be written until `drain`. */
  write(chunks: readonly (string | Uint8Array)[]): boolean {
    const socket = this.#socket;
    if (chunks.length === 1) return socket.write(chunks[0] as string | Uint8Array);
    let hasRoom = true;
    socket.cork();
    for (const chunk of chunks) hasRoom = socket.write(chunk);
    socket.uncork();
    return hasRoom;
  }

  /** Keeps the process alive, or lets it exit. */
  hold(isHeld: boolean): void {
    if (isHeld) this.#socket.ref();
    else this.#socket.unref();
  }

  /** Closes the socket after the written bytes are sent. */
  end(): void {
    this.#socket.end();
  }

  /** Closes the socket immediately. */
  destroy(): void {
    this.#closed = true;
    this.#socket.destroy();
  }

  #close(error: Error | undefined): void {
    if (this.#closed) return;
    this.destroy();
    this.#events.close(error);
  }
}

function open({ address, tls }: Target, options: TlsOptions | undefined): Socket {
  const common = { ...address, noDelay: true, keepAlive: true, keepAliveInitialDelay, writableHighWaterMark };
  // The server chooses its certificate by host name (SNI), which an IP address is not.
  const named = "host" in address && !isIP(address.host) ? { servername: address.host } : {};
  try {
    return tls ? connectTls({ ...common, ...named, ...options }) : connect(common);
  } catch (error) {
    // A malformed certificate, or a permission that Deno does not grant, is reported like any error of the socket.
    return new Socket().destroy(error as Error);
  }
}
