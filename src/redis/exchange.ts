import { Fifo } from "../base/fifo.ts";
import { Decoder, type DecoderLimits } from "../resp/decoder.ts";
import { Encoder } from "../resp/encoder.ts";
import { ProtocolError, ReplyError } from "../resp/errors.ts";
import type { Reply } from "../resp/reply.ts";
import type { Command } from "./command.ts";
import { codeOf } from "./failure.ts";

/** What an {@linkcode Exchange} notices. */
export interface ExchangeEvents {
  /** The server, which owed nothing, now owes a reply. */
  owes(): void;
  /** The server has refused a write, as it is a replica. */
  misplaced(refusal: ReplyError): void;
}

/**
 * Commands out, replies in, over one connection that somebody else looks after.
 *
 * Commands that were sent sit in a queue, in the order in which they are answered.
 */
export class Exchange {
  readonly #events: ExchangeEvents;
  readonly #encoder = new Encoder();
  readonly #decoder: Decoder;
  readonly #inFlight = new Fifo<Command>();
  #bytes = 0;
  /** Takes the replies that answer no command. */
  #diverted: ((value: Reply) => boolean) | undefined;
  #binary = false;

  constructor(limits: DecoderLimits | undefined, events: ExchangeEvents) {
    this.#events = events;
    this.#decoder = new Decoder({
      binary: () => this.#binary || (this.#inFlight.peek()?.binary ?? false),
      reply: (value) => this.#reply(value),
      // Such as those of CLIENT TRACKING, which nobody listens to.
      push: () => {},
    }, limits);
  }

  /** How many commands have no reply yet. */
  get owed(): number {
    return this.#inFlight.size;
  }

  /** How many bytes they are. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many bytes wait to be taken. */
  get pending(): number {
    return this.#encoder.size;
  }

  /** For how many milliseconds the server may block on what it works on. */
  get blocks(): number {
    return this.#inFlight.peek()?.blocks ?? 0;
  }

  /**
   * Sends a command, and what follows it.
   *
   * @throws {TypeError} When an argument is none. Nothing of the command is sent then.
   */
  send(command: Command): void {
    const before = this.#encoder.size;
    this.#encoder.write(command.args);
    command.bytes = this.#encoder.size - before;
    command.state = "sent";
    this.#bytes += command.bytes;
    if (this.#inFlight.size === 0) this.#events.owes();
    this.#inFlight.push(command);
    if (command.next !== undefined) this.send(command.next);
  }

  /** What was sent, for the wire. */
  take(): (string | Uint8Array)[] {
    return this.#encoder.take();
  }

  /**
   * Takes bytes from the wire, and settles the commands that they answer.
   *
   * @throws {ProtocolError} When they make no sense. Nothing can be received any more then.
   */
  receive(chunk: Uint8Array): void {
    this.#decoder.push(chunk);
  }

  /**
   * From now on, offers each reply to somebody else first.
   *
   * @param take Says whether it was one that answers no command.
   * @param options.binary Whether replies are read in bytes.
   */
  divert(take: (value: Reply) => boolean, { binary }: { binary: boolean }): void {
    this.#diverted = take;
    this.#binary = binary;
  }

  /** What was diverted is one of the replies to the command that is next in line. */
  acknowledge(): void {
    const command = this.#inFlight.peek();
    if (command === undefined) throw unasked();
    if (--command.replies > 0) return;
    this.#inFlight.shift();
    this.#bytes -= command.bytes;
    command.resolve(null);
  }

  /** Rejects what is in flight. */
  abandon(reason: Error): void {
    for (const command of this.#inFlight.drain()) command.reject(reason);
  }

  #reply(value: Reply): void {
    if (this.#diverted !== undefined && this.#diverted(value)) return;
    const command = this.#inFlight.shift();
    if (command === undefined) throw unasked();
    this.#bytes -= command.bytes;
    if (value instanceof Error) this.#refuse(command, value);
    else command.resolve(value);
  }

  #refuse(command: Command, error: Error): void {
    command.reject(error);
    if (error instanceof ReplyError && codeOf(error) === "READONLY") this.#events.misplaced(error);
  }
}

function unasked(): ProtocolError {
  return new ProtocolError("Expected no reply, as no command was sent");
}
