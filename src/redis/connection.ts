import { deferred } from "../base/async.ts";
import type { Timer } from "../base/clock.ts";
import { TimeoutError } from "../base/errors.ts";
import type { Reply } from "../resp/reply.ts";
import { Command, type CommandArguments } from "./command.ts";
import { ConnectionError, reasonOf } from "./errors.ts";
import { Exchange } from "./exchange.ts";
import { greet, type Greeting } from "./handshake.ts";
import type { Settings } from "./options.ts";
import { Pulse } from "./pulse.ts";
import { Transport } from "./transport.ts";
import { displayUrl } from "./url.ts";

/** What happens to a connection. */
export interface ConnectionEvents {
  /** It takes commands. */
  ready(): void;
  /** It takes commands again after it was full. */
  drained(): void;
  /** It is closed, and every command sent on it has settled. Comes once, and last. */
  closed(reason: Error): void;
}

/** How many bytes are written at a time: what the system takes at once. More costs twice the time in the kernel. */
const piece = 64 * 1024;
/** How long a connection that is being ended waits for the other side, in milliseconds. */
const farewell = 200;

/**
 * One live connection, from the first packet to the last. It dies once, and is never used again.
 *
 * It is `opening` until the socket is connected, `greeting` while it logs in, and `ready` from then on, which is when
 * its owner may send commands. `retiring` means that the server has become a replica: nothing more is sent, and once
 * everything is answered it closes, so that its owner looks for the server that takes writes. `ending` means that it
 * was told to close and waits for what was written to leave; whatever it was owed is rejected by then. It ends up
 * `closed`.
 */
export class Connection {
  readonly #settings: Settings;
  readonly #events: ConnectionEvents;
  /** Whether somebody waits for what comes unasked. */
  #atStake: () => boolean = () => false;
  readonly #exchange: Exchange;
  readonly #transport: Transport;
  readonly #pulse: Pulse;
  readonly #gone = deferred<void>();
  #state: "opening" | "greeting" | "ready" | "retiring" | "ending" | "closed" = "opening";
  /** Why it retires, ends or is closed. */
  #reason: Error | undefined;
  /** The end of the time that it may take to get ready, or to end. */
  #deadline: Timer;
  #greeting: Greeting = { clientId: 0 };
  /** When it got ready. */
  #since = 0;
  /** Whether the socket has asked for a pause. */
  #blocked = false;

  /**
   * Begins to connect.
   *
   * @param options.timeout How long it may take until it is ready, in milliseconds.
   * @param options.protocol The version of RESP that it speaks, if the server does too.
   */
  constructor(
    settings: Settings,
    events: ConnectionEvents,
    { timeout, protocol }: { timeout: number; protocol: 2 | 3 },
  ) {
    this.#settings = settings;
    this.#events = events;
    this.#exchange = new Exchange(settings.limits, {
      owes: () => this.#pulse.owes(),
      misplaced: (refusal) => this.#retire(refusal),
    });
    this.#pulse = new Pulse(settings.clock, settings, {
      atStake: () => this.#atStake(),
      owed: () => this.#exchange.owed,
      blocks: () => this.#exchange.blocks,
      ping: () => this.#call(["PING"]).catch(() => {}),
      dead: (silence) => this.destroy(new TimeoutError(`No byte received for ${silence} ms`)),
    });
    this.#deadline = settings.clock.timer(timeout, () => {
      this.destroy(new TimeoutError(`${this.lacks} within ${timeout} ms`));
    });
    this.#transport = new Transport(settings.target, settings.tls, {
      open: () => this.#greet(protocol),
      data: (chunk) => this.#receive(chunk),
      drain: () => this.#drain(),
      close: (error) => this.destroy(error ?? new Error("The server closed the connection")),
    });
  }

  /** What the server said about it. */
  get greeting(): Greeting {
    return this.#greeting;
  }

  /** Resolves when the socket is closed. */
  get closed(): Promise<void> {
    return this.#gone.promise;
  }

  /** What a connection that is not ready yet waits for. */
  get lacks(): string {
    return this.#state === "opening" ? "No connection" : "No answer";
  }

  /** Whether to wait for `drained` before anything more is sent. */
  get full(): boolean {
    return this.#blocked || this.#exchange.bytes >= this.#settings.maxInFlightBytes || this.#state !== "ready";
  }

  /**
   * Sends a command, and what follows it, with the next `flush` at the latest.
   *
   * @throws {TypeError} When an argument is none. Nothing of the command is sent then.
   */
  send(command: Command): void {
    this.#exchange.send(command);
    if (this.#exchange.pending >= piece) this.flush();
  }

  /** Writes what was sent to the socket. */
  flush(): void {
    if (this.#exchange.pending > 0) this.#blocked = !this.#transport.write(this.#exchange.take());
  }

  /** Offers each reply to somebody else first, who waits for it: the connection is watched more closely from now on. */
  divert(
    take: (value: Reply) => boolean,
    { binary, atStake = () => true }: { binary: boolean; atStake?: () => boolean },
  ): void {
    this.#atStake = atStake;
    this.#exchange.divert(take, { binary });
  }

  /** What was diverted is one of the replies to the command that is next in line. */
  acknowledge(): void {
    this.#exchange.acknowledge();
  }

  /** Closes it: what was written still leaves, what is in flight is rejected now. */
  end(reason: Error): void {
    if (this.#state !== "ready") return this.destroy(reason);
    this.#move("ending", reason);
    this.#transport.end();
    this.#deadline = this.#settings.clock.timer(farewell, () => this.destroy(reason));
  }

  /** Closes it now. */
  destroy(reason: Error): void {
    this.#move("closed", reason);
  }

  #move(state: "greeting" | "ready" | "retiring" | "ending" | "closed", reason?: Error): void {
    if (this.#state === "closed") return;
    this.#state = state;
    this.#reason ??= reason;
    if (state === "greeting" || state === "retiring") return;
    this.#deadline.cancel();
    if (state === "ready") {
      this.#since = this.#settings.clock.now();
      this.#pulse.start();
      return this.#events.ready();
    }
    this.#pulse.stop();
    if (this.#exchange.owed > 0) this.#exchange.abandon(this.#loss());
    if (state === "ending") return;
    this.#transport.destroy();
    this.#gone.resolve();
    this.#events.closed(this.#reason as Error);
  }

  #greet(protocol: 2 | 3): void {
    this.#move("greeting");
    greet((args) => this.#call(args), protocol, this.#settings).then((greeting) => {
      this.#greeting = greeting;
      if (this.#state === "greeting") this.#move("ready");
    }, (error) => this.destroy(error));
  }

  /** Sends a command of the connection's own. */
  #call(args: CommandArguments): Promise<Reply> {
    return new Promise((resolve, reject) => {
      this.send(new Command(args, false, resolve, reject));
      this.flush();
    });
  }

  #receive(chunk: Uint8Array): void {
    if (this.#state === "ending") return;
    this.#pulse.heard();
    const full = this.full;
    try {
      this.#exchange.receive(chunk);
    } catch (error) {
      return this.destroy(error as Error);
    }
    if (this.#state === "retiring" && this.#exchange.owed === 0) return this.destroy(this.#reason as Error);
    if (full && !this.full) this.#events.drained();
  }

  #drain(): void {
    this.#blocked = false;
    if (!this.full) this.#events.drained();
  }

  #retire(refusal: Error): void {
    const { clock, retry } = this.#settings;
    // One that was only just chosen would be chosen again.
    if (this.#state !== "ready" || retry === false || clock.now() - this.#since < retry.max) return;
    this.#move("retiring", refusal);
  }

  /** What is in flight is rejected with; nobody knows what became of it. */
  #loss(): ConnectionError {
    const cause = this.#reason as Error;
    const options = { cause, maybeExecuted: true };
    if (cause instanceof ConnectionError) {
      return new ConnectionError(cause.code, `${cause.message} before the reply`, options);
    }
    const url = displayUrl(this.#settings.target);
    return new ConnectionError("LOST", `Connection to ${url} lost before the reply: ${reasonOf(cause)}`, options);
  }
}
