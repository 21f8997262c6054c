import { Fifo } from "../base/fifo.ts";
import { Decoder, type DecoderLimits } from "../resp/decoder.ts";
import { Encoder } from "../resp/encoder.ts";
import { ProtocolError, type ReplyError } from "../resp/errors.ts";
import type { Reply } from "../resp/reply.ts";
import type { Command } from "./command.ts";
import { isReadOnly } from "./failure.ts";

/** Events of an {@linkcode Exchange}. */
export interface ExchangeEvents {
  /** A command was sent while none was in flight. */
  waiting(): void;
  /** The server has refused a write because it is a replica. */
  readOnly(refusal: ReplyError): void;
}

/**
 * Encodes commands and decodes replies for one connection, without a socket.
 *
 * Commands in flight are in a queue, in the order in which their replies arrive.
 */
export class Exchange {
  readonly #events: ExchangeEvents;
  readonly #encoder = new Encoder();
  readonly #decoder: Decoder;
  readonly #inFlight = new Fifo<Command>();
  #bytesInFlight = 0;
  /** Takes values that are not the reply to a command. */
  #diversion: ((value: Reply) => boolean) | undefined;
  #isBinary = false;

  constructor(limits: DecoderLimits | undefined, events: ExchangeEvents) {
    this.#events = events;
    this.#decoder = new Decoder({
      binary: () => this.#isBinary || (this.#inFlight.peek()?.binary ?? false),
      reply: (value) => this.#receiveReply(value),
      // Pushes, such as those of CLIENT TRACKING, are not supported.
      push: () => {},
    }, limits);
  }

  /** Number of commands that have no reply yet. */
  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** Size of the commands that have no reply yet. */
  get bytesInFlight(): number {
    return this.#bytesInFlight;
  }

  /** Number of encoded bytes that have not been taken yet. */
  get unwritten(): number {
    return this.#encoder.size;
  }

  /** How long the server may block on the command whose reply is next, in milliseconds. */
  get blockingTime(): number {
    return this.#inFlight.peek()?.blockingTime ?? 0;
  }

  /**
   * Sends a command and those that follow it.
   *
   * @throws {TypeError} If an argument has a wrong type. Nothing of the command is sent then.
   */
  send(first: Command): void {
    // Not by recursion: a transaction may have any number of commands.
    for (let command: Command | undefined = first; command; command = command.next) {
      const before = this.#encoder.size;
      this.#encoder.write(command.args);
      command.bytes = this.#encoder.size - before;
      command.state = "sent";
      this.#bytesInFlight += command.bytes;
      if (this.#inFlight.size === 0) this.#events.waiting();
      this.#inFlight.push(command);
    }
  }

  /** Takes the encoded commands, to be written to the socket. */
  take(): (string | Uint8Array)[] {
    return this.#encoder.take();
  }

  /**
   * Decodes bytes from the socket, and settles the commands that they are replies to.
   *
   * @throws {ProtocolError} If the bytes are malformed. Nothing can be received after that.
   */
  receive(chunk: Uint8Array): void {
    this.#decoder.push(chunk);
  }

  /**
   * Passes each further value to `take` first.
   *
   * @param take Returns whether it has taken the value, because it is not the reply to a command.
   * @param options.binary Whether strings are decoded as bytes.
   */
  divert(take: (value: Reply) => boolean, { binary }: { binary: boolean }): void {
    this.#diversion = take;
    this.#isBinary = binary;
  }

  /** Counts the value that `take` has just taken as one of the replies to the next command. */
  acknowledge(): void {
    const command = this.#inFlight.peek();
    if (command === undefined) throw unexpectedReply();
    if (--command.replies > 0) return;
    this.#inFlight.shift();
    this.#bytesInFlight -= command.bytes;
    command.resolve(null);
  }

  /** Rejects the commands in flight. */
  abandon(reason: Error): void {
    for (const command of this.#inFlight.drain()) command.reject(reason);
  }

  #receiveReply(value: Reply): void {
    if (this.#diversion !== undefined && this.#diversion(value)) return;
    const command = this.#inFlight.shift();
    if (command === undefined) throw unexpectedReply();
    this.#bytesInFlight -= command.bytes;
    if (value instanceof Error) this.#reject(command, value);
    else command.resolve(value);
  }

  #reject(command: Command, error: Error): void {
    command.reject(error);
    if (isReadOnly(error)) this.#events.readOnly(error);
  }
}

function unexpectedReply(): ProtocolError {
  return new ProtocolError("Cannot match a reply: expected none, as no command is in flight, got one");
}
