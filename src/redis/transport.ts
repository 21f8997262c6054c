import { connect, isIP, Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions } from "node:tls";
import type { Target } from "./url.ts";

/** Options of `node:tls`, such as `ca`, `cert`, `key`, `servername` and `rejectUnauthorized`. */
export type TlsOptions = ConnectionOptions;

/** What happens to a socket. */
export interface TransportEvents {
  /** It is connected and, where asked for, encrypted. */
  open(): void;
  /** Bytes came in. */
  data(chunk: Uint8Array): void;
  /** What was written has left; more may be written. */
  drain(): void;
  /** It is closed, for the reason given if any. Comes once, and last. */
  close(error: Error | undefined): void;
}

/** How many bytes may wait in a socket before it asks to stop. Fewer would cost a pause in each large batch. */
const writableHighWaterMark = 1024 * 1024;
const keepAliveInitialDelay = 10_000;

/** One socket: TCP, TLS or Unix. The only place that knows of `node:net` and `node:tls`. */
export class Transport {
  readonly #socket: Socket;
  readonly #events: TransportEvents;
  #closed = false;

  /** Begins to connect. */
  constructor(target: Target, tls: TlsOptions | undefined, events: TransportEvents) {
    this.#events = events;
    this.#socket = open(target, tls);
    const socket = this.#socket;
    socket.on(target.tls ? "secureConnect" : "connect", () => this.#closed || events.open());
    socket.on("data", (chunk: Uint8Array) => this.#closed || events.data(chunk));
    socket.on("drain", () => this.#closed || events.drain());
    // The listener stays, as a socket may report errors after its end, which nobody else would catch.
    socket.on("error", (error) => this.#close(error));
    socket.on("end", () => this.#close(undefined));
    socket.on("close", () => this.#close(undefined));
  }

  /** Writes, in one system call where possible. Returns `false` when nothing more should be written before `drain`. */
  write(chunks: readonly (string | Uint8Array)[]): boolean {
    const socket = this.#socket;
    if (chunks.length === 1) return socket.write(chunks[0] as string | Uint8Array);
    let room = true;
    socket.cork();
    for (const chunk of chunks) room = socket.write(chunk);
    socket.uncork();
    return room;
  }

  /** Closes it once everything written has left. */
  end(): void {
    this.#socket.end();
  }

  /** Closes it now. */
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
  if (!tls) return connect(common);
  // A certificate is asked for by name (SNI); an IP address is none.
  const named = "host" in address && !isIP(address.host) ? { servername: address.host } : {};
  try {
    return connectTls({ ...common, ...named, ...options });
  } catch (error) {
    // Options of no use, such as a certificate that is none: told like any other failure, a moment later.
    return new Socket().destroy(error as Error);
  }
}
