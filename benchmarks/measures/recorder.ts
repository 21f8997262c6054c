import { connect, createServer, type Server, type Socket } from "node:net";
import { Decoder } from "../../src/resp/decoder.ts";
import { HOST, listenOnFreePort } from "../../tests/support/free_port.ts";

/** A command with its arguments. */
export type Command = readonly string[];

/** A proxy in front of a server that keeps every command, in the order of their arrival. */
export class Recorder implements AsyncDisposable {
  readonly url: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #commands: Command[] = [];

  static async open(redisPort: number): Promise<Recorder> {
    const server = createServer();
    return new Recorder(server, await listenOnFreePort(server), redisPort);
  }

  private constructor(server: Server, port: number, redisPort: number) {
    this.#server = server;
    this.url = `redis://${HOST}:${port}`;
    server.on("connection", (socket) => this.#forward(socket, connect(redisPort, HOST)));
  }

  /** Returns the commands since the last call. */
  take(): readonly Command[] {
    const commands = this.#commands;
    this.#commands = [];
    return commands;
  }

  [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #forward(from: Socket, to: Socket): void {
    // A command is an array of strings, as a reply may be.
    const decoder = new Decoder({
      binary: () => false,
      reply: (command) => void this.#commands.push(command as string[]),
      push() {},
    });
    from.on("data", (bytes: Uint8Array) => decoder.push(bytes)).pipe(to);
    to.pipe(from);
    for (const socket of [from, to]) {
      this.#sockets.add(socket);
      socket.on("error", () => {}); // The other end learns it by the end of the stream.
      socket.on("close", () => this.#sockets.delete(socket));
    }
  }
}
