import { deferred } from "../base/async.ts";
import type { Timer } from "../base/clock.ts";
import { TimeoutError } from "../base/errors.ts";
import type { Reply } from "../resp/reply.ts";
import { Command, type CommandArguments } from "./command.ts";
import { ConnectionError, reasonOf } from "./errors.ts";
import { Exchange } from "./exchange.ts";
import { greet, type Greeting, noGreeting } from "./handshake.ts";
import type { Settings } from "./options.ts";
import { Transport } from "./transport.ts";
import { displayUrl } from "./url.ts";
import type { HoldingConnection } from "./process_hold.ts";
import { Watchdog } from "./watchdog.ts";

/** Events of a {@linkcode Connection}. */
export interface ConnectionEvents {
  /** The connection accepts commands. */
  ready(): void;
  /** The connection accepts commands again after it was full. */
  drained(): void;
  /** The connection is closed and every command sent on it has settled. The last event, emitted once. */
  closed(reason: Error): void;
}

/** How many bytes are written to the socket at a time. Larger writes take the kernel twice as long for each byte. */
const writeBytes = 64 * 1024;
/** How long a graceful close waits for the server before the socket is destroyed, in milliseconds. */
const closeTimeout = 200;

/**
 * A connection to a server, from opening its socket until it is closed. It is not reused after that.
 *
 * It is `opening` until the socket is connected, `greeting` during the handshake, and then `ready` for the commands of
 * its owner. `retiring` means that the server has become a replica: no more commands are sent, and the connection
 * closes after the last reply, so that its owner can look for the new primary. `ending` means that its owner has closed
 * it: the commands in flight are rejected, but written bytes are still delivered. The last state is `closed`.
 */
export class Connection implements HoldingConnection {
  readonly #settings: Settings;
  readonly #events: ConnectionEvents;
  /** Whether a loss must be noticed within seconds, although no command is in flight. */
  #isUrgent: () => boolean = () => false;
  readonly #exchange: Exchange;
  readonly #transport: Transport;
  readonly #watchdog: Watchdog;
  readonly #closed = deferred<void>();
  #state: "opening" | "greeting" | "ready" | "retiring" | "ending" | "closed" = "opening";
  /** Why it is retiring, ending or closed. */
  #reason: Error | undefined;
  /** Closes the connection if it takes too long to become ready, or to end. */
  #deadline: Timer;
  #greeting: Greeting = noGreeting;
  /** When it became ready, by the monotonic clock. */
  #readySince = 0;
  /** Whether the buffer of the socket is full. */
  #isBlocked = false;

  /**
   * Starts to connect.
   *
   * @param options.timeout How long it may take to become ready, in milliseconds.
   * @param options.protocol Version of RESP to use, if the server supports it.
   */
  constructor(
    settings: Settings,
    events: ConnectionEvents,
    { timeout, protocol }: { timeout: number; protocol: 2 | 3 },
  ) {
    this.#settings = settings;
    this.#events = events;
    this.#exchange = new Exchange(settings.limits, {
      waiting: () => {
        this.#watchdog.sent();
        if (settings.hold.isReleased) this.#transport.hold(true);
      },
      readOnly: (refusal) => this.#retire(refusal),
    });
    this.#watchdog = new Watchdog(settings.clock, settings, {
      isUrgent: () => this.#isUrgent(),
      inFlight: () => this.#exchange.inFlight,
      blockingTime: () => this.#exchange.blockingTime,
      ping: () => this.#call(["PING"]).catch(() => {}),
      onSilence: (ms) => this.destroy(new TimeoutError(`The server sent nothing for ${ms} ms`)),
    });
    this.#deadline = settings.clock.timer(timeout, () => {
      this.destroy(new TimeoutError(`${this.unfinished} within ${timeout} ms`));
    });
    this.#transport = new Transport(settings.target, settings.tls, {
      open: () => this.#greet(protocol),
      data: (chunk) => this.#receive(chunk),
      drain: () => this.#drain(),
      close: (error) => this.destroy(error ?? new Error("The server closed the connection")),
    });
    settings.hold.add(this);
  }

  /** Information of the server about the connection, after the handshake. */
  get greeting(): Greeting {
    return this.#greeting;
  }

  /** Resolves when the socket is closed. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** The step that an unready connection has not completed, for the error of a timeout. */
  get unfinished(): string {
    return this.#state === "opening" ? "The connection was not established" : "The server did not reply";
  }

  /** Whether to send no more commands until `drained`. */
  get full(): boolean {
    return this.#isBlocked || this.#exchange.bytesInFlight >= this.#settings.maxInFlightBytes ||
      this.#state !== "ready";
  }

  /**
   * Sends a command and those that follow it, with the next `flush` at the latest.
   *
   * @throws {TypeError} If an argument has a wrong type. Nothing of the command is sent then.
   */
  send(command: Command): void {
    this.#exchange.send(command);
    if (this.#exchange.unwritten >= writeBytes) this.flush();
  }

  /** See {@linkcode HoldingConnection}. A connection that is being opened holds the process. */
  updateHold(): void {
    const isIdle = this.#state === "ready" && this.#exchange.inFlight === 0;
    this.#transport.hold(!(this.#settings.hold.isReleased && isIdle));
  }

  /** Writes the commands sent so far to the socket. */
  flush(): void {
    if (this.#exchange.unwritten > 0) this.#isBlocked = !this.#transport.write(this.#exchange.take());
  }

  /**
   * Passes each further value to `take` first, for messages that the server sends by itself.
   *
   * @param take Returns whether it has taken the value, because it is not the reply to a command.
   * @param options.binary Whether strings are decoded as bytes.
   * @param options.isUrgent Whether a loss must be noticed within seconds; it always must unless given.
   */
  divert(
    take: (value: Reply) => boolean,
    { binary, isUrgent = () => true }: { binary: boolean; isUrgent?: () => boolean },
  ): void {
    this.#isUrgent = isUrgent;
    this.#exchange.divert(take, { binary });
  }

  /** Counts the value that `take` has just taken as one of the replies to the next command. */
  acknowledge(): void {
    this.#exchange.acknowledge();
  }

  /** Closes the connection gracefully: rejects the commands in flight, but delivers written bytes. */
  end(reason: Error): void {
    if (this.#state !== "ready") return this.destroy(reason);
    this.#move("ending", reason);
    this.#transport.end();
    this.#deadline = this.#settings.clock.timer(closeTimeout, () => this.destroy(reason));
  }

  /** Closes the connection immediately. */
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
      this.#readySince = this.#settings.clock.monotonic();
      this.#watchdog.start();
      this.#events.ready();
      if (this.#settings.hold.isReleased) this.updateHold();
      return;
    }
    this.#watchdog.stop();
    if (this.#exchange.inFlight > 0) this.#exchange.abandon(this.#inFlightError());
    if (state === "ending") return;
    this.#settings.hold.remove(this);
    this.#transport.destroy();
    this.#closed.resolve();
    this.#events.closed(this.#reason as Error);
  }

  #greet(protocol: 2 | 3): void {
    this.#move("greeting");
    greet((args) => this.#call(args), protocol, this.#settings).then((greeting) => {
      this.#greeting = greeting;
      if (this.#state === "greeting") this.#move("ready");
    }, (error) => this.destroy(error));
  }

  /** Sends a command of the connection itself. */
  #call(args: CommandArguments): Promise<Reply> {
    return new Promise((resolve, reject) => {
      this.send(new Command(args, false, resolve, reject));
      this.flush();
    });
  }

  #receive(chunk: Uint8Array): void {
    if (this.#state === "ending") return;
    this.#watchdog.received();
    const wasFull = this.full;
    try {
      this.#exchange.receive(chunk);
    } catch (error) {
      return this.destroy(error as Error);
    }
    if (this.#state === "retiring" && this.#exchange.inFlight === 0) return this.destroy(this.#reason as Error);
    if (wasFull && !this.full) this.#events.drained();
    if (this.#settings.hold.isReleased && this.#exchange.inFlight === 0) this.updateHold();
  }

  #drain(): void {
    this.#isBlocked = false;
    if (!this.full) this.#events.drained();
  }

  #retire(refusal: Error): void {
    const { clock, retry } = this.#settings;
    // A server that was chosen a moment ago would only be chosen again.
    if (this.#state !== "ready" || retry === false || clock.monotonic() - this.#readySince < retry.max) return;
    this.#move("retiring", refusal);
  }

  /** Error of the commands in flight, which the server may have executed. */
  #inFlightError(): ConnectionError {
    const cause = this.#reason as Error;
    const options = { cause, maybeExecuted: true };
    if (cause instanceof ConnectionError) {
      return new ConnectionError(cause.code, `${cause.message} before the reply`, options);
    }
    const url = displayUrl(this.#settings.target);
    return new ConnectionError("LOST", `Connection to ${url} lost before the reply: ${reasonOf(cause)}`, options);
  }
}
