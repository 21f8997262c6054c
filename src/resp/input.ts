import { Buffer } from "node:buffer";
import { ProtocolError } from "./errors.ts";
import { excerpt } from "./excerpt.ts";
import { text } from "./text.ts";
import { BIG_NUMBER, CR, DOUBLE, LF, MINUS, SIMPLE_ERROR, SIMPLE_STRING } from "./bytes.ts";

/** What {@linkcode Input.line} and {@linkcode Input.length} answer besides an index or a length. */
export const CUT = -1; // the line is not complete yet
export const ABSENT = -2; // a length of "-1", the null of RESP2
export const STREAMED = -3; // a length of "?", which is not known yet

/** The longest line of a length or an integer: a sign and the 19 digits of 2^63. */
const NUMBER_BYTES = 20;

/** As many decimal digits as a double holds exactly, whichever they are. */
const EXACT_DIGITS = 15;

const NOTHING = Buffer.alloc(0);

/**
 * The bytes being read, a cursor, and what can be read at it.
 *
 * A line that the end of a chunk cuts is kept, and completed from the chunks that follow. Then it is read as if it were
 * a chunk of its own, before the rest of the chunk that completed it. So what reads a line either has all of it, or
 * gives up with {@linkcode CUT} and has nothing to remember.
 */
export class Input {
  /** What is being read. Only what lies from `at` to `end` is still to be read. */
  bytes: Buffer = NOTHING;
  /** The cursor. */
  at = 0;
  /** The end of what is being read. */
  end = 0;

  readonly #lineBytes: number;
  #line: Buffer = NOTHING;
  #kept = 0;

  /** @param lineBytes The longest line to accept, without its type and CRLF. */
  constructor(lineBytes: number) {
    this.#lineBytes = lineBytes;
  }

  /** Whether a line waits for its end. */
  get cut(): boolean {
    return this.#kept > 0;
  }

  /** Goes on with a chunk, from an offset. */
  open(chunk: Uint8Array, at: number): void {
    this.bytes = chunk instanceof Buffer ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    this.at = at;
    this.end = chunk.byteLength;
  }

  /** Lets go of the chunk, which its owner may use again. */
  close(): void {
    this.bytes = NOTHING;
    this.at = this.end = 0;
  }

  /**
   * Goes on with the line that was cut, if a chunk completes it.
   *
   * @returns Where the chunk goes on after the line, or {@linkcode CUT}.
   */
  mend(chunk: Uint8Array): number {
    const feed = chunk.indexOf(LF);
    const stop = feed === -1 ? chunk.byteLength : feed + 1;
    this.#keep(chunk, 0, stop);
    if (feed === -1) return CUT;
    this.open(this.#line.subarray(0, this.#kept), 0);
    this.#kept = 0;
    return stop;
  }

  /**
   * Finds the end of the line at the cursor, and keeps the line if it has none.
   *
   * @returns The index of its CR, or {@linkcode CUT}.
   */
  line(): number {
    const { bytes, end } = this;
    const start = this.at + 1;
    let at = start;
    while (at < end && bytes[at] !== CR && bytes[at] !== LF) at++;
    this.#check(bytes, this.at, at);
    if (at === end || (at + 1 === end && bytes[at] === CR)) {
      this.#keep(bytes, this.at, end);
      this.at = end;
      return CUT;
    }
    if (bytes[at] === LF || bytes[at + 1] !== LF) this.fail("CRLF at the end of a line", at);
    return at;
  }

  /**
   * Reads the line at the cursor as a length.
   *
   * @returns The length, {@linkcode ABSENT}, {@linkcode STREAMED} or {@linkcode CUT}.
   */
  length(): number {
    const length = this.#digits(this.at + 1);
    return length === -1 ? this.#oddLength() : length;
  }

  /**
   * Reads the line at the cursor as an integer, if it is one of the usual kind: up to 15 digits, and no minus zero.
   *
   * @returns The integer, or `undefined`, with the cursor where it was.
   */
  integer(): number | undefined {
    const header = this.at;
    const start = header + 1;
    const negative = start < this.end && this.bytes[start] === MINUS;
    const value = this.#digits(negative ? start + 1 : start);
    if (!negative) return value === -1 ? undefined : value;
    if (value > 0) return -value;
    this.at = header;
    return undefined;
  }

  /** Gives a range as text. */
  text(start: number, end: number): string {
    return text(this.bytes, start, end);
  }

  /** Gives a range as bytes of its own. */
  copy(start: number, end: number): Uint8Array {
    return new Uint8Array(this.bytes.subarray(start, end));
  }

  /** Ends the decoding, with an error that shows what lies at an index. */
  fail(expected: string, at: number): never {
    throw new ProtocolError(`Expected ${expected}, found ${excerpt(this.bytes, at, this.end)}`);
  }

  /** Reads up to 15 digits and CRLF; or gives -1, with the cursor where it was, where it finds anything else. */
  #digits(start: number): number {
    const { bytes } = this;
    const stop = Math.min(start + EXACT_DIGITS, this.end - 2);
    let value = 0;
    let at = start;
    for (; at < stop; at++) {
      const digit = bytes[at]! - 0x30;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    if (at === start || bytes[at] !== CR || bytes[at + 1] !== LF) return -1;
    this.at = at + 2;
    return value;
  }

  #oddLength(): number {
    const start = this.at + 1;
    const stop = this.line();
    if (stop === CUT) return CUT;
    const line = this.text(start, stop);
    if (line !== "-1" && line !== "?") this.fail("a length", start);
    this.at = stop + 2;
    return line === "?" ? STREAMED : ABSENT;
  }

  #keep(bytes: Uint8Array, start: number, end: number): void {
    const kept = this.#kept + end - start;
    if (kept > this.#line.length) {
      const grown = Buffer.allocUnsafe(Math.max(64, 2 * kept));
      grown.set(this.#line.subarray(0, this.#kept));
      this.#line = grown;
    }
    this.#line.set(bytes.subarray(start, end), this.#kept);
    this.#kept = kept;
    this.#check(this.#line, 0, kept - 2); // without a CRLF that may be at its end
  }

  /** Refuses a line that is longer than its type allows. */
  #check(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start - 1;
    if (length <= NUMBER_BYTES && length <= this.#lineBytes) return;
    const limit = isText(bytes[start]!) ? this.#lineBytes : NUMBER_BYTES;
    if (length > limit) {
      throw new ProtocolError(`Expected a line of at most ${limit} bytes, found ${excerpt(bytes, start + 1, end)}`);
    }
  }
}

function isText(type: number): boolean {
  return type === SIMPLE_STRING || type === SIMPLE_ERROR || type === DOUBLE || type === BIG_NUMBER;
}
