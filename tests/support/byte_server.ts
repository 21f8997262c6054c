import { Buffer } from "node:buffer";
import { createServer, type Socket } from "node:net";
import { listenOnFreePort } from "./free_port.ts";

/** Behaviour of a server of {@linkcode startByteServer}. Every function is called with the connection in question. */
export interface ByteScript {
  /** Called when a client has connected. */
  onConnect?(peer: Peer): void;
  /** Called when bytes have arrived, in pieces of any size. */
  onData?(peer: Peer, bytes: Uint8Array): void;
}

/** Starts a server on loopback that answers as scripted: with wrong frames, in pieces, or not at all. */
export async function startByteServer(script: ByteScript = {}): Promise<ByteServer> {
  const peers: Peer[] = [];
  const server = createServer((socket) => {
    const peer = new Peer(socket, peers.length);
    peers.push(peer);
    socket.on("error", () => {}); // The client has disconnected; tests look at what it sent.
    socket.on("data", (bytes) => {
      peer.record(bytes);
      script.onData?.(peer, bytes);
    });
    script.onConnect?.(peer);
  });
  const port = await listenOnFreePort(server);
  const stop = async (): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const peer of peers) peer.destroy();
    await closed;
  };
  return { port, peers, [Symbol.asyncDispose]: stop };
}

/** A server that was started with {@linkcode startByteServer}. */
export interface ByteServer extends AsyncDisposable {
  readonly port: number;
  /** All connections so far, in order, including closed ones. */
  readonly peers: readonly Peer[];
}

/** The server's end of a connection. */
export class Peer {
  /** Number of the connection, from 0. */
  readonly index: number;
  readonly #socket: Socket;
  readonly #received: Uint8Array[] = [];

  constructor(socket: Socket, index: number) {
    this.#socket = socket;
    this.index = index;
  }

  /** All bytes received so far. */
  get received(): Uint8Array {
    return Buffer.concat(this.#received);
  }

  /** All bytes received so far, as UTF-8. */
  get text(): string {
    return Buffer.concat(this.#received).toString();
  }

  /** Appends received bytes; the server calls it. */
  record(bytes: Uint8Array): void {
    this.#received.push(bytes);
  }

  write(bytes: string | Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** Closes the connection after all written bytes are sent. */
  end(): void {
    this.#socket.end();
  }

  /** Closes the connection at once. */
  destroy(): void {
    this.#socket.destroy();
  }
}
