import type { Timer } from "../base/clock.ts";
import { deferred } from "../base/async.ts";
import { TimeoutError } from "../base/errors.ts";
import { Fifo } from "../base/fifo.ts";
import { Decoder } from "../resp/decoder.ts";
import { Encoder } from "../resp/encoder.ts";
import { ProtocolError, ReplyError } from "../resp/errors.ts";
import type { Reply } from "../resp/reply.ts";
import { Command, type CommandArguments } from "./command.ts";
import { ConnectionError, reasonOf } from "./errors.ts";
import { codeOf } from "./failure.ts";
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
 * its owner may send commands. `ending` means that it was told to close and waits for what was written to leave;
 * whatever it was owed has been rejected by then. It ends up `closed`.
 *
 * A server that answers READONLY has become a replica: nothing more is sent to it, and once it has answered what was
 * sent, the connection is closed, so that its owner looks for the server that takes writes.
 *
 * Commands that were sent sit in a queue in the order of their replies. What is sent waits in the encoder until
 * `flush`, so that the commands of one tick leave in one write.
 */
export class Connection {
  readonly #settings: Settings;
  readonly #events: ConnectionEvents;
  readonly #protocol: 2 | 3;
  readonly #encoder = new Encoder();
  readonly #decoder: Decoder;
  readonly #inFlight = new Fifo<Command>();
  readonly #transport: Transport;
  readonly #pulse: Pulse;
  #state: "opening" | "greeting" | "ready" | "ending" | "closed" = "opening";
  #deadline: Timer;
  /** Takes the replies that answer no command. */
  #diverted: ((value: Reply) => boolean) | undefined;
  #binary = false;
  /** Until when a server that takes no writes is not left, as it was only just chosen. */
  #settledAt = Infinity;
  /** Why it sends no more, and is closed as soon as nothing is in flight. */
  #retired: Error | undefined;
  #bytes = 0;
  #blocked = false;
  #greeting: Greeting = { clientId: 0 };
  readonly #end = deferred<void>();
  /** What ended it, kept for the commands that were in flight. */
  #reason: Error | undefined;

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
    this.#protocol = protocol;
    this.#decoder = new Decoder({
      binary: () => this.#binary || (this.#inFlight.peek()?.binary ?? false),
      reply: (value) => this.#reply(value),
      // Such as those of CLIENT TRACKING, which nobody listens to.
      push: () => {},
    }, settings.limits);
    this.#pulse = new Pulse(settings.clock, settings, {
      atStake: () => this.#diverted !== undefined,
      owed: () => this.#inFlight.size,
      blocks: () => this.#inFlight.peek()?.blocks ?? 0,
      ping: () => this.#call(["PING"]).catch(() => {}),
      dead: (silence) => this.#close(new TimeoutError(`No byte received for ${silence} ms`)),
    });
    this.#deadline = settings.clock.timer(timeout, () => {
      this.#close(new TimeoutError(`${this.lacks} within ${timeout} ms`));
    });
    this.#transport = new Transport(settings.target, settings.tls, {
      open: () => this.#greet(),
      data: (chunk) => this.#receive(chunk),
      drain: () => this.#drain(),
      close: (error) => this.#close(error ?? new Error("The server closed the connection")),
    });
  }

  /** What the server said about it. */
  get greeting(): Greeting {
    return this.#greeting;
  }

  /** Resolves when the socket is closed. */
  get closed(): Promise<void> {
    return this.#end.promise;
  }

  /** What a connection that is not ready yet waits for. */
  get lacks(): string {
    return this.#state === "opening" ? "No connection" : "No answer";
  }

  /** Whether to wait for `drained` before anything more is sent. */
  get full(): boolean {
    return this.#blocked || this.#bytes >= this.#settings.maxInFlightBytes || this.#retired !== undefined;
  }

  /**
   * Sends a command, and what follows it, with the next `flush` or before.
   *
   * @throws {TypeError} When an argument is none. Nothing of the command is sent then.
   */
  send(command: Command): void {
    const encoder = this.#encoder;
    const before = encoder.size;
    encoder.write(command.args);
    command.bytes = encoder.size - before;
    command.state = "sent";
    this.#bytes += command.bytes;
    if (this.#inFlight.size === 0) this.#pulse.owes();
    this.#inFlight.push(command);
    if (command.next) this.send(command.next);
    else if (encoder.size >= piece) this.flush();
  }

  /** Writes what was sent to the socket. */
  flush(): void {
    if (this.#encoder.size > 0) this.#blocked = !this.#transport.write(this.#encoder.take());
  }

  /**
   * From now on, offers each reply to somebody else first. Somebody waits for them, so the connection is watched more
   * closely.
   *
   * @param take Says whether it was one that answers no command.
   * @param options.binary Whether they are read in bytes.
   */
  divert(take: (value: Reply) => boolean, { binary }: { binary: boolean }): void {
    this.#diverted = take;
    this.#binary = binary;
  }

  /** What was diverted is one of the replies to the command that is next in line. */
  acknowledge(): void {
    const command = this.#inFlight.peek();
    if (command === undefined) return this.#unasked();
    if (--command.replies > 0) return;
    this.#inFlight.shift();
    this.#bytes -= command.bytes;
    command.resolve(null);
  }

  /** Closes it: what was written still leaves, what is in flight is rejected now. */
  end(reason: Error): void {
    if (this.#state !== "ready") return this.#close(reason);
    this.#move("ending", reason);
    this.#transport.end();
    this.#deadline = this.#settings.clock.timer(farewell, () => this.#close(reason));
  }

  /** Closes it now. */
  destroy(reason: Error): void {
    this.#close(reason);
  }

  #move(state: "greeting" | "ready" | "ending" | "closed", reason?: Error): void {
    if (this.#state === "closed") return;
    this.#state = state;
    if (state === "greeting") return;
    this.#deadline.cancel();
    if (state === "ready") {
      const { clock, retry } = this.#settings;
      if (retry !== false) this.#settledAt = clock.now() + retry.max;
      this.#pulse.start();
      return this.#events.ready();
    }
    this.#reason ??= reason;
    this.#pulse.stop();
    this.#abandon();
    if (state === "ending") return;
    this.#transport.destroy();
    this.#end.resolve();
    this.#events.closed(this.#reason as Error);
  }

  #greet(): void {
    this.#move("greeting");
    greet((args) => this.#call(args), this.#protocol, this.#settings).then((greeting) => {
      this.#greeting = greeting;
      if (this.#state === "greeting") this.#move("ready");
    }, (error) => this.#close(error));
  }

  /** Sends a command of the connection's own. */
  #call(args: CommandArguments): Promise<Reply> {
    return new Promise((resolve, reject) => {
      this.send(new Command(args, false, resolve, reject));
      this.flush();
    });
  }

  #receive(chunk: Uint8Array): void {
    this.#pulse.heard();
    const full = this.full;
    try {
      this.#decoder.push(chunk);
    } catch (error) {
      return this.#close(error as Error);
    }
    if (this.#retired !== undefined && this.#inFlight.size === 0) return this.#close(this.#retired);
    if (full && !this.full && this.#state === "ready") this.#events.drained();
  }

  #drain(): void {
    this.#blocked = false;
    if (!this.full && this.#state === "ready") this.#events.drained();
  }

  #reply(value: Reply): void {
    if (this.#diverted !== undefined && this.#state === "ready" && this.#diverted(value)) return;
    const command = this.#inFlight.shift();
    if (command === undefined) return this.#unasked();
    this.#bytes -= command.bytes;
    if (value instanceof Error) this.#refuse(command, value);
    else command.resolve(value);
  }

  #refuse(command: Command, error: Error): void {
    command.reject(error);
    if (!(error instanceof ReplyError) || codeOf(error) !== "READONLY") return;
    // The server has become a replica. Whoever takes its place may be found under the same address.
    if (this.#settings.clock.now() >= this.#settledAt) this.#retired ??= error;
  }

  #unasked(): void {
    if (this.#state === "ready" || this.#state === "greeting") {
      this.#close(new ProtocolError("Expected no reply, as no command was sent"));
    }
  }

  #close(reason: Error): void {
    this.#move("closed", reason);
  }

  /** Rejects what is in flight; nobody knows what became of it. */
  #abandon(): void {
    if (this.#inFlight.size === 0) return;
    const cause = this.#reason as Error;
    const error = cause instanceof ConnectionError
      ? new ConnectionError(cause.code, `${cause.message} before the reply`, { cause, maybeExecuted: true })
      : new ConnectionError(
        "LOST",
        `Connection to ${displayUrl(this.#settings.target)} lost before the reply: ${reasonOf(cause)}`,
        { cause, maybeExecuted: true },
      );
    for (const command of this.#inFlight.drain()) command.reject(error);
  }
}
