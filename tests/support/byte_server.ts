import { Buffer } from "node:buffer";
import { createServer, type Socket } from "node:net";
import { listenOnFreePort } from "./free_port.ts";

/** What a {@linkcode startByteServer} does; each is called with the connection that it is about. */
export interface ByteScript {
  /** A client has connected. */
  onConnect?(peer: Peer): void;
  /** Some bytes arrived, cut anywhere. */
  onData?(peer: Peer, bytes: Uint8Array): void;
}

/** Starts a server on loopback that answers as it is told: with wrong frames, in pieces, or not at all. */
export async function startByteServer(script: ByteScript = {}): Promise<ByteServer> {
  const peers: Peer[] = [];
  const server = createServer((socket) => {
    const peer = new Peer(socket, peers.length);
    peers.push(peer);
    socket.on("error", () => {}); // The client went away; what it sent is what counts.
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

/** See {@linkcode startByteServer}. */
export interface ByteServer extends AsyncDisposable {
  readonly port: number;
  /** The connections so far, first to last, closed ones included. */
  readonly peers: readonly Peer[];
}

/** A client's connection, seen from the server. */
export class Peer {
  /** Counts from 0. */
  readonly index: number;
  readonly #socket: Socket;
  readonly #received: Uint8Array[] = [];

  constructor(socket: Socket, index: number) {
    this.#socket = socket;
    this.index = index;
  }

  /** All bytes so far. */
  get received(): Uint8Array {
    return Buffer.concat(this.#received);
  }

  /** All bytes so far, as UTF-8. */
  get text(): string {
    return Buffer.concat(this.#received).toString();
  }

  record(bytes: Uint8Array): void {
    this.#received.push(bytes);
  }

  write(bytes: string | Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** Closes the connection after what was written. */
  end(): void {
    this.#socket.end();
  }

  /** Closes the connection at once. */
  destroy(): void {
    this.#socket.destroy();
  }
}
