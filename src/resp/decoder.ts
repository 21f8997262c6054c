import { Bulk, FORMAT_BYTES } from "./bulk.ts";
import { ProtocolError, ReplyError } from "./errors.ts";
import { Frame } from "./frame.ts";
import { ABSENT, CUT, Input, STREAMED } from "./input.ts";
import type { Reply } from "./reply.ts";
import { EXPECTED, parseScalar } from "./scalar.ts";
import {
  ARRAY,
  ATTRIBUTE,
  BIG_NUMBER,
  BOOLEAN,
  BULK_ERROR,
  BULK_STRING,
  COLON,
  CR,
  DOUBLE,
  END,
  INTEGER,
  LF,
  MAP,
  NULL,
  PART,
  PUSH,
  SET,
  SIMPLE_ERROR,
  SIMPLE_STRING,
  VERBATIM_STRING,
} from "./bytes.ts";

/** Takes what a {@linkcode Decoder} finds. */
export interface ReplySink {
  /** Asked once at the start of each reply: shall its strings be bytes? */
  binary(): boolean;
  /** Takes the next reply, in the order of the commands. An error from the server is a value like any other. */
  reply(value: Reply): void;
  /** Takes a message that answers no command. Its strings are text. */
  push(message: Reply[]): void;
}

/** What a {@linkcode Decoder} accepts at most. More is a `ProtocolError`. */
export interface DecoderLimits {
  /**
   * The bytes of one string.
   *
   * @default {536_870_912} which is Redis's own limit
   */
  readonly bulkBytes?: number;
  /**
   * How deep aggregates may lie in each other.
   *
   * @default {128}
   */
  readonly depth?: number;
  /**
   * The elements of one aggregate; a pair of a map is one.
   *
   * @default {16_777_216} which is what a `Map` can hold
   */
  readonly elements?: number;
  /**
   * The bytes of one line: a simple string, an error, a number.
   *
   * @default {65_536}
   */
  readonly lineBytes?: number;
}

/**
 * Turns bytes into replies, over all of RESP2 and RESP3, in time linear in the bytes however they are cut.
 *
 * Between two chunks there is at most one unfinished thing: a line, which {@linkcode Input} keeps, or a string, which a
 * {@linkcode Bulk} gathers. The aggregates around it are a chain of {@linkcode Frame}s, so no depth can exhaust the
 * stack. What is complete is delivered to the innermost frame; a frame that it completes is delivered in turn, and what
 * no frame surrounds goes to the sink.
 *
 * Strings are text, in which U+FFFD stands for what is not UTF-8, or bytes where the sink asks for them. Attributes are
 * read and dropped.
 *
 * @example
 * ```ts ignore
 * const decoder = new Decoder({ binary: () => false, reply: console.log, push: console.log });
 * decoder.push(new TextEncoder().encode("+OK\r\n:"));
 * decoder.push(new TextEncoder().encode("42\r\n")); // prints "OK", then 42
 * ```
 */
export class Decoder {
  readonly #sink: ReplySink;
  readonly #limits: Required<DecoderLimits>;
  readonly #input: Input;

  /** The top level: before a reply or a push, between the attribute and what it belongs to, or in a reply. */
  #state: "idle" | "annotated" | "reply" = "idle";
  #binary = false;
  #frame: Frame | null = null;
  #bulk: Bulk | null = null;
  #failure: { readonly error: unknown } | undefined = undefined;

  /**
   * Makes a decoder for one connection.
   *
   * @param sink Takes the replies. It must not call the decoder, and what it throws ends the decoder.
   * @param limits What is accepted at most.
   * @throws {RangeError} If a limit is not positive.
   */
  constructor(sink: ReplySink, limits: DecoderLimits = {}) {
    const { bulkBytes = 512 * 1024 * 1024, depth = 128, elements = 2 ** 24, lineBytes = 64 * 1024 } = limits;
    this.#sink = sink;
    this.#limits = checkLimits({ bulkBytes, depth, elements, lineBytes });
    this.#input = new Input(lineBytes);
  }

  /** Whether all that came is complete, so that the next byte would begin a reply or a push. */
  get idle(): boolean {
    return this.#state === "idle" && this.#frame === null && !this.#input.cut;
  }

  /**
   * Decodes the next bytes, and gives the sink each reply that they complete. Keeps no reference to them.
   *
   * @param chunk The bytes, cut anywhere.
   * @throws {ProtocolError} If they are not RESP or exceed a limit. From then on, each call throws the same error.
   */
  push(chunk: Uint8Array): void {
    if (this.#failure !== undefined) throw this.#failure.error;
    const input = this.#input;
    try {
      let at = 0;
      if (input.cut) {
        at = input.mend(chunk);
        if (at === CUT) return;
        this.#run();
      }
      input.open(chunk, at);
      this.#run();
    } catch (error) {
      this.#failure = { error };
      this.#frame = this.#bulk = null; // they can hold a lot
      throw error;
    } finally {
      input.close();
    }
  }

  #run(): void {
    const input = this.#input;
    while (input.at < input.end) {
      const value = this.#bulk === null ? this.#next() : this.#resume(this.#bulk);
      if (value !== undefined) this.#deliver(value);
    }
  }

  /** Reads what comes next: its value, if that is complete, else `undefined`. */
  #next(): Reply | undefined {
    const input = this.#input;
    const type = input.bytes[input.at]!;
    if (this.#frame === null && this.#state !== "reply") this.#begin(type);
    switch (type) {
      case BULK_STRING:
      case VERBATIM_STRING:
      case BULK_ERROR:
        return this.#string(type);
      case INTEGER:
      case DOUBLE:
        return input.integer() ?? this.#line(type);
      case ARRAY:
      case MAP:
      case SET:
      case PUSH:
      case ATTRIBUTE:
        return this.#aggregate(type);
      case SIMPLE_STRING:
      case SIMPLE_ERROR:
      case NULL:
      case BOOLEAN:
      case BIG_NUMBER:
        return this.#line(type);
      case END:
        return this.#end();
      default:
        return input.fail("the first byte of a value", input.at);
    }
  }

  /** Begins a reply; but not with a push, nor with an attribute, after which either may come. */
  #begin(type: number): void {
    const reply = type !== PUSH && type !== ATTRIBUTE;
    if (reply) this.#state = "reply";
    this.#binary = reply && this.#sink.binary();
  }

  #line(type: number): Reply | undefined {
    const input = this.#input;
    const stop = input.line();
    if (stop === CUT) return undefined;
    const start = input.at + 1;
    const value = parseScalar(type, input.text(start, stop));
    if (value === undefined) input.fail(EXPECTED[type]!, start);
    input.at = stop + 2;
    return value;
  }

  #string(type: number): Reply | undefined {
    const input = this.#input;
    const header = input.at;
    const size = input.length();
    if (size < 0) return this.#sizelessString(type, size, header);
    if (size > this.#limits.bulkBytes || type !== BULK_STRING) this.#checkSize(type, size, header);
    const start = input.at;
    const stop = start + size;
    if (stop + 2 > input.end) {
      this.#bulk = new Bulk(type, size, this.#binary);
      return undefined;
    }
    if (input.bytes[stop] !== CR || input.bytes[stop + 1] !== LF) input.fail("CRLF after a string", stop);
    input.at = stop + 2;
    if (type === BULK_STRING) return this.#binary ? input.copy(start, stop) : input.text(start, stop);
    if (type === BULK_ERROR) return new ReplyError(input.text(start, stop));
    const content = start + FORMAT_BYTES;
    if (input.bytes[content - 1] !== COLON) input.fail("a colon after a format", content - 1);
    return this.#binary ? input.copy(content, stop) : input.text(content, stop);
  }

  /** Begins a string without a size, or makes it the null of RESP2. */
  #sizelessString(type: number, size: number, header: number): null | undefined {
    if (size === CUT) return undefined;
    if (type !== BULK_STRING) this.#input.fail("a length", header + 1);
    if (size === ABSENT) return null;
    this.#bulk = new Bulk(type, undefined, this.#binary);
    return undefined;
  }

  #checkSize(type: number, size: number, header: number): void {
    const { bulkBytes, lineBytes } = this.#limits;
    const limit = type === BULK_ERROR ? Math.min(bulkBytes, lineBytes) : bulkBytes;
    if (size > limit) this.#input.fail(`a string of at most ${limit} bytes`, header);
    if (type === VERBATIM_STRING && size < FORMAT_BYTES) this.#input.fail("a string with a format", header);
  }

  /** Reads on in the string that the last chunk did not complete. */
  #resume(bulk: Bulk): Reply | undefined {
    if (bulk.complete) return this.#part(bulk);
    bulk.read(this.#input);
    return bulk.complete && !bulk.streamed ? this.#finish(bulk) : undefined;
  }

  /** Begins the next part of a streamed string. */
  #part(bulk: Bulk): Reply | undefined {
    const input = this.#input;
    const header = input.at;
    if (input.bytes[header] !== PART) input.fail("the next part of a streamed string", header);
    const size = input.length();
    if (size === CUT) return undefined;
    if (size < 0) input.fail("a length", header + 1);
    if (size === 0) return this.#finish(bulk);
    if (bulk.size + size > this.#limits.bulkBytes) {
      input.fail(`a string of at most ${this.#limits.bulkBytes} bytes`, header);
    }
    bulk.expect(size);
    return undefined;
  }

  #finish(bulk: Bulk): Reply {
    this.#bulk = null;
    const value = bulk.finish();
    return bulk.type === BULK_ERROR ? new ReplyError(value as string) : value;
  }

  #aggregate(type: number): Reply | undefined {
    const input = this.#input;
    const header = input.at;
    if (type === PUSH && this.#frame !== null) input.fail("a push only between replies", header);
    const length = input.length();
    if (length === CUT) return undefined;
    if (length === ABSENT && type === ARRAY) return null;
    if (length < 0 && (length === ABSENT || type === PUSH || type === ATTRIBUTE)) input.fail("a length", header + 1);
    const { elements, depth } = this.#limits;
    if (length > elements) input.fail(`at most ${elements} elements`, header);
    if (type === PUSH && length === 0) input.fail("a push that says what it is", header);
    const streamed = length === STREAMED;
    const missing = streamed ? elements + 1 : length;
    const frame = new Frame(type, type === MAP || type === ATTRIBUTE ? 2 * missing : missing, streamed, this.#frame);
    if (frame.depth > depth) input.fail(`aggregates at most ${depth} deep`, header);
    this.#frame = frame;
    return length === 0 ? this.#close(frame) : undefined;
  }

  /** Ends a streamed aggregate. */
  #end(): Reply | undefined {
    const input: Input = this.#input; // spelled out, so that the compiler sees that fail() does not return
    const frame = this.#frame;
    if (frame === null || !frame.streamed || !frame.even) input.fail("an element", input.at);
    const stop = input.line();
    if (stop === CUT) return undefined;
    if (stop !== input.at + 1) input.fail("nothing on the line of an end", input.at + 1);
    input.at = stop + 2;
    return this.#close(frame);
  }

  /** Gives a value to whoever waits for it: the innermost frame, and each frame that is thereby complete, or the sink. */
  #deliver(complete: Reply): void {
    let value: Reply | undefined = complete;
    while (value !== undefined) {
      const frame: Frame | null = this.#frame;
      if (frame === null) {
        this.#state = "idle";
        this.#sink.reply(value);
        return;
      }
      if (!frame.add(value)) return;
      if (frame.streamed) throw new ProtocolError(`Expected at most ${this.#limits.elements} elements, found more`);
      value = this.#close(frame);
    }
  }

  /** Leaves a frame: gives its value, unless it is a push, which goes to the sink, or an attribute, which is dropped. */
  #close(frame: Frame): Reply | undefined {
    const { parent, type, value } = frame;
    this.#frame = parent;
    if (type === PUSH) {
      this.#state = "idle";
      this.#sink.push(value as Reply[]);
      return undefined;
    }
    if (type === ATTRIBUTE) {
      if (parent === null) this.#state = "annotated";
      else parent.annotated = true;
      return undefined;
    }
    return value;
  }
}

function checkLimits(limits: Required<DecoderLimits>): Required<DecoderLimits> {
  for (const [name, limit] of Object.entries(limits)) {
    if (!(limit > 0)) throw new RangeError(`Cannot limit ${name} to a number that is not positive: ${limit}`);
  }
  return limits;
}
