import { connect, createServer, type Server, type Socket } from "node:net";
import { once } from "node:events";
import { findFreePort, HOST } from "./free_port.ts";

/** Who sends: the client that connected to the proxy, or the server behind it. */
export type Side = "client" | "server";

/**
 * Starts a proxy on loopback, in front of a server on loopback, that can make the faults of a network.
 *
 * What it does to connections it does to all of them, those made later included, until it is told otherwise.
 */
export async function startProxy(targetPort: number): Promise<TcpProxy> {
  const proxy = new TcpProxy(await findFreePort(), targetPort);
  await proxy.accept();
  return proxy;
}

/** See {@linkcode startProxy}. */
export class TcpProxy implements AsyncDisposable {
  /** Where clients connect. */
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

  /** Connections that are open now. */
  get connections(): number {
    return this.#links.size;
  }

  /** Connections since the start. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Closes all connections; new ones are accepted. */
  cut(): void {
    for (const link of this.#links) link.destroy();
  }

  /** Closes the connection on which `bytes` more bytes from one side have been forwarded, right after the last of them. */
  cutAfter(bytes: number, from: Side = "server"): void {
    this.#conditions.budget = { bytes, from };
  }

  /** Makes connections half-open: they stay, but nothing arrives, the end of the other side included. */
  swallow(): void {
    this.#conditions.swallowing = true;
  }

  /** Forwards again, beginning with what was held back since {@linkcode swallow}. */
  resume(): void {
    this.#conditions.swallowing = false;
    for (const link of this.#links) link.pump();
  }

  /** Makes the connections that are open now half-open for good; new ones work. */
  abandon(): void {
    for (const link of this.#links) link.abandon();
  }

  /** Forwards each piece this much later, plus up to `jitter` milliseconds; the order stays. */
  delay(ms: number, jitter = 0): void {
    this.#conditions.delay = () => ms + Math.random() * jitter;
  }

  /** Refuses new connections; those that are open stay. */
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

  /** Closes everything. */
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

/** What the proxy does to all connections at the moment. */
interface Conditions {
  swallowing: boolean;
  /** How much later the next piece is forwarded, in milliseconds. */
  delay: () => number;
  /** How much one side may still send before the connection is closed. */
  budget: { bytes: number; from: Side } | null;
}

/** A client's connection and the one to the server that belongs to it. */
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

/** One direction of a link: what came in, until its time has come to go out. */
class Flow {
  readonly #sink: Socket;
  readonly #side: Side;
  readonly #conditions: Conditions;
  readonly #cut: () => void;
  /** `end` stands for the end of the source. */
  readonly #pieces: { bytes: Uint8Array | "end"; due: number }[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #abandoned = false;

  constructor(source: Socket, sink: Socket, side: Side, conditions: Conditions, cut: () => void) {
    this.#sink = sink;
    this.#side = side;
    this.#conditions = conditions;
    this.#cut = cut;
    source.setNoDelay();
    source.on("data", (bytes) => this.#push(bytes));
    source.on("end", () => this.#push("end"));
    source.on("error", () => this.#push("end")); // Reset, or never connected: the other side sees an end.
    source.on("close", () => sink.destroyed && clearTimeout(this.#timer));
  }

  /** Forwards nothing any more. */
  abandon(): void {
    this.#abandoned = true;
    clearTimeout(this.#timer);
  }

  /** Forwards what is due. */
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
    } else if (budget?.from !== this.#side || bytes.length < budget.bytes) {
      if (budget?.from === this.#side) budget.bytes -= bytes.length;
      this.#sink.write(bytes);
    } else {
      this.#conditions.budget = null;
      this.#sink.end(bytes.subarray(0, budget.bytes), this.#cut);
    }
  }
}
