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

/** Receives the replies that a {@linkcode Decoder} decodes. */
export interface ReplySink {
  /** Called at the start of each reply: returns whether its strings are decoded as bytes. */
  binary(): boolean;
  /** Receives the next reply, in the order of the commands. An error reply is a value like any other. */
  reply(value: Reply): void;
  /** Receives a push message, which is not a reply to a command. Its strings are text. */
  push(message: Reply[]): void;
}

/** Upper limits for replies. A reply that exceeds one is a {@linkcode ProtocolError} and closes the connection. */
export interface DecoderLimits {
  /**
   * Maximum size of a string in bytes. The default is the limit of Redis.
   *
   * @default {536_870_912}
   */
  readonly bulkBytes?: number;
  /**
   * Maximum nesting depth of arrays, maps and sets.
   *
   * @default {128}
   */
  readonly depth?: number;
  /**
   * Maximum number of elements of an array or set, or of pairs of a map. The default is the limit of a `Map`.
   *
   * @default {16_777_216}
   */
  readonly elements?: number;
  /**
   * Maximum length of a line in bytes: a simple string, an error or a number.
   *
   * @default {65_536}
   */
  readonly lineBytes?: number;
}

/**
 * Decodes RESP2 and RESP3 from chunks of bytes. The time is linear in the number of bytes, wherever the chunks end.
 *
 * Between two chunks at most one value is incomplete: a line, whose start {@linkcode Input} keeps, or a string, which a
 * {@linkcode Bulk} collects. The aggregates around it are a linked list of {@linkcode Frame}s, so no nesting depth
 * overflows the stack. A complete value is added to the innermost frame. If that completes the frame, the value of the
 * frame is added to the next one in turn. A value outside of any frame goes to the sink.
 *
 * Strings are decoded as text, with U+FFFD for malformed UTF-8, or as bytes if the sink asks for them. Attributes are
 * skipped.
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

  /** At the top level: before a reply or push, after the attribute of one, or within a reply. */
  #state: "idle" | "annotated" | "reply" = "idle";
  #binary = false;
  #frame: Frame | null = null;
  #bulk: Bulk | null = null;
  #failure: { readonly error: unknown } | undefined = undefined;

  /**
   * Creates a decoder for one connection.
   *
   * @param sink Receives the replies. It must not call the decoder; if it throws, the decoder cannot be used any more.
   * @param limits Upper limits for replies.
   * @throws {RangeError} If a limit is not positive.
   */
  constructor(sink: ReplySink, limits: DecoderLimits = {}) {
    const { bulkBytes = 512 * 1024 * 1024, depth = 128, elements = 2 ** 24, lineBytes = 64 * 1024 } = limits;
    this.#sink = sink;
    this.#limits = checkLimits({ bulkBytes, depth, elements, lineBytes });
    this.#input = new Input(lineBytes);
  }

  /** Whether every value that has started is complete, so that the next byte starts a reply or a push. */
  get idle(): boolean {
    return this.#state === "idle" && this.#frame === null && !this.#input.cut;
  }

  /**
   * Decodes the next bytes and passes each reply that they complete to the sink. Keeps no reference to the chunk.
   *
   * @param chunk The next bytes. It may end anywhere.
   * @throws {ProtocolError} If they are not RESP or exceed a limit. Every later call throws the same error.
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
      this.#frame = this.#bulk = null; // they may hold much memory
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

  /** Reads the next value. Returns `undefined` if it is not complete, or an aggregate that has just started. */
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
        return input.fail("the type byte of a value", input.at);
    }
  }

  /** Starts a reply, unless this is a push, or an attribute, which may precede either. */
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
    if (input.bytes[content - 1] !== COLON) input.fail("a colon after the format of a verbatim string", content - 1);
    return this.#binary ? input.copy(content, stop) : input.text(content, stop);
  }

  /** Starts a streamed string, or returns the null of RESP2. */
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
    if (type === VERBATIM_STRING && size < FORMAT_BYTES) this.#input.fail("a verbatim string with a format", header);
  }

  /** Continues the string that the last chunk did not complete. */
  #resume(bulk: Bulk): Reply | undefined {
    if (bulk.complete) return this.#part(bulk);
    bulk.read(this.#input);
    return bulk.complete && !bulk.streamed ? this.#finish(bulk) : undefined;
  }

  /** Starts the next part of a streamed string. */
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
    if (type === PUSH && this.#frame !== null) input.fail("a push between replies, not inside of one", header);
    const length = input.length();
    if (length === CUT) return undefined;
    if (length === ABSENT && type === ARRAY) return null;
    if (length < 0 && (length === ABSENT || type === PUSH || type === ATTRIBUTE)) input.fail("a length", header + 1);
    const { elements, depth } = this.#limits;
    if (length > elements) input.fail(`at most ${elements} elements`, header);
    if (type === PUSH && length === 0) input.fail("a push with a type", header);
    const streamed = length === STREAMED;
    const missing = streamed ? elements + 1 : length;
    const frame = new Frame(type, type === MAP || type === ATTRIBUTE ? 2 * missing : missing, streamed, this.#frame);
    if (frame.depth > depth) input.fail(`aggregates nested at most ${depth} deep`, header);
    this.#frame = frame;
    return length === 0 ? this.#close(frame) : undefined;
  }

  /** Reads the end of a streamed aggregate. */
  #end(): Reply | undefined {
    const input: Input = this.#input; // annotated, so that the compiler sees that fail() does not return
    const frame = this.#frame;
    if (frame === null || !frame.streamed || !frame.even) input.fail("an element", input.at);
    const stop = input.line();
    if (stop === CUT) return undefined;
    if (stop !== input.at + 1) input.fail('CRLF after "."', input.at + 1);
    input.at = stop + 2;
    return this.#close(frame);
  }

  /**
   * Adds a value to the innermost frame, and each frame that it completes to the next one; or passes it to the sink.
   */
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
      if (frame.streamed) {
        throw new ProtocolError(`Cannot decode a reply: expected at most ${this.#limits.elements} elements, got more`);
      }
      value = this.#close(frame);
    }
  }

  /** Closes a frame and returns its value; passes a push to the sink, and drops an attribute. */
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
    if (!(limit > 0)) throw new RangeError(`Cannot use limit "${name}": expected a number > 0, got ${limit}`);
  }
  return limits;
}
