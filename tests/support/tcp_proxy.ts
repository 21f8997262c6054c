import { connect, createServer, type Server, type Socket } from "node:net";
import { once } from "node:events";
import { findFreePort, HOST } from "./free_port.ts";

/** A sender: the client that connected to the proxy, or the server behind it. */
export type Side = "client" | "server";

/**
 * Starts a proxy on loopback, in front of a server on loopback, that simulates the faults of a network.
 *
 * A fault applies to all connections, including later ones, until it is undone.
 */
export async function startProxy(targetPort: number): Promise<TcpProxy> {
  const proxy = new TcpProxy(await findFreePort(), targetPort);
  await proxy.accept();
  return proxy;
}

/** A proxy that was started with {@linkcode startProxy}. */
export class TcpProxy implements AsyncDisposable {
  /** The port to which clients connect. */
  readonly port: number;
  readonly #targetPort: number;
  readonly #links: Set<Link> = new Set();
  readonly #conditions: Conditions = { swallowing: false, delay: () => 0, budget: null };
  #listener: Server | undefined;
  #accepted = 0;

  constructor(port: number, targetPort: number) {
    this.port = port;
    this.#targetPort = targetPort;
  }

  /** Number of open connections. */
  get connections(): number {
    return this.#links.size;
  }

  /** Number of connections since the start. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Returns what one side has sent and the proxy has not forwarded, as UTF-8. */
  heldFrom(side: Side): string {
    return [...this.#links].map((link) => link.heldFrom(side)).join("");
  }

  /** Closes all connections; new ones are still accepted. */
  cut(): void {
    for (const link of this.#links) link.destroy();
  }

  /** Closes the connection on which the next `bytes` bytes from one side have been forwarded, right after the last one. */
  cutAfter(bytes: number, from: Side = "server"): void {
    this.#conditions.budget = { bytes, from };
  }

  /** Makes connections half-open: they stay open but forward nothing, not even that the other side has closed. */
  swallow(): void {
    this.#conditions.swallowing = true;
  }

  /** Forwards again, beginning with everything that arrived since {@linkcode swallow}. */
  resume(): void {
    this.#conditions.swallowing = false;
    for (const link of this.#links) link.pump();
  }

  /** Makes the open connections half-open for ever; new ones work. */
  abandon(): void {
    for (const link of this.#links) link.abandon();
  }

  /** Delays each piece by `ms` milliseconds and a random time of up to `jitter` milliseconds, in the same order. */
  delay(ms: number, jitter = 0): void {
    this.#conditions.delay = () => ms + Math.random() * jitter;
  }

  /** Refuses new connections; open ones stay open. */
  refuse(): void {
    this.#listener?.close();
    this.#listener = undefined;
  }

  /** Accepts connections again after {@linkcode refuse}. */
  async accept(): Promise<void> {
    if (this.#listener) return;
    this.#listener = createServer({ allowHalfOpen: true }, (client) => this.#link(client));
    this.#listener.listen(this.port, HOST);
    await once(this.#listener, "listening");
  }

  /** Closes the port and all connections. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.refuse();
    const links = [...this.#links];
    this.cut();
    await Promise.all(links.map((link) => link.closed));
  }

  #link(client: Socket): void {
    this.#accepted++;
    const server = connect({ port: this.#targetPort, host: HOST, allowHalfOpen: true });
    const link = new Link(client, server, this.#conditions);
    this.#links.add(link);
    link.closed.then(() => this.#links.delete(link));
  }
}

/** The faults that currently apply to all connections. */
interface Conditions {
  swallowing: boolean;
  /** Returns the delay of the next piece, in milliseconds. */
  delay: () => number;
  /** How many more bytes one side may send before the connection is closed. */
  budget: { bytes: number; from: Side } | null;
}

/** The connection of a client together with its connection to the server. */
class Link {
  readonly closed: Promise<unknown>;
  readonly #sockets: readonly Socket[];
  readonly #flows: readonly Flow[];

  constructor(client: Socket, server: Socket, conditions: Conditions) {
    this.#sockets = [client, server];
    this.#flows = [
      new Flow(client, server, "client", conditions, () => this.destroy()),
      new Flow(server, client, "server", conditions, () => this.destroy()),
    ];
    this.closed = Promise.all(this.#sockets.map((socket) => new Promise((resolve) => socket.once("close", resolve))));
  }

  heldFrom(side: Side): string {
    return this.#flows.filter((flow) => flow.side === side).map((flow) => flow.held).join("");
  }

  pump(): void {
    for (const flow of this.#flows) flow.pump();
  }

  abandon(): void {
    for (const flow of this.#flows) flow.abandon();
  }

  destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** One direction of a link: a queue of pieces, each forwarded when it is due. */
class Flow {
  /** The side that sends. */
  readonly side: Side;
  readonly #sink: Socket;
  readonly #conditions: Conditions;
  readonly #cut: () => void;
  /** `end` means that the source has closed. */
  readonly #pieces: { bytes: Uint8Array | "end"; due: number }[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #abandoned = false;

  constructor(source: Socket, sink: Socket, side: Side, conditions: Conditions, cut: () => void) {
    this.#sink = sink;
    this.side = side;
    this.#conditions = conditions;
    this.#cut = cut;
    source.setNoDelay();
    source.on("data", (bytes) => this.#push(bytes));
    source.on("end", () => this.#push("end"));
    source.on("error", () => this.#push("end")); // Reset, or not connected: the other side is closed.
    source.on("close", () => sink.destroyed && clearTimeout(this.#timer));
  }

  /** Data that has arrived and was not forwarded, as UTF-8. */
  get held(): string {
    return this.#pieces.map(({ bytes }) => bytes === "end" ? "" : new TextDecoder().decode(bytes)).join("");
  }

  /** Stops forwarding for ever. */
  abandon(): void {
    this.#abandoned = true;
    clearTimeout(this.#timer);
  }

  /** Forwards the pieces that are due. */
  pump(): void {
    if (this.#abandoned) return;
    clearTimeout(this.#timer);
    for (let piece = this.#pieces[0]; piece && !this.#conditions.swallowing; piece = this.#pieces[0]) {
      const wait = piece.due - Date.now();
      if (wait > 0) {
        this.#timer = setTimeout(() => this.pump(), wait);
        return;
      }
      this.#pieces.shift();
      this.#forward(piece.bytes);
    }
  }

  #push(bytes: Uint8Array | "end"): void {
    this.#pieces.push({ bytes, due: Date.now() + this.#conditions.delay() });
    this.pump();
  }

  #forward(bytes: Uint8Array | "end"): void {
    const { budget } = this.#conditions;
    if (bytes === "end") {
      this.#sink.end();
    } else if (budget?.from !== this.side || bytes.length < budget.bytes) {
      if (budget?.from === this.side) budget.bytes -= bytes.length;
      this.#sink.write(bytes);
    } else {
      this.#conditions.budget = null;
      this.#sink.end(bytes.subarray(0, budget.bytes), this.#cut);
    }
  }
}
