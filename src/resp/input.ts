import { Buffer } from "node:buffer";
import { ProtocolError } from "./errors.ts";
import { excerpt } from "./excerpt.ts";
import { text } from "./text.ts";
import { BIG_NUMBER, CR, DOUBLE, LF, MINUS, SIMPLE_ERROR, SIMPLE_STRING } from "./bytes.ts";

/** Results of {@linkcode Input.line} and {@linkcode Input.length} other than an index or a length. */
export const CUT = -1; // the chunk ends before the line does
export const ABSENT = -2; // the length is "-1", the null of RESP2
export const STREAMED = -3; // the length is "?", unknown in advance

/** Maximum size of a length or an integer: a sign and the 19 digits of 2^63. */
const NUMBER_BYTES = 20;

/** Every number of this many decimal digits is exact in a double. */
const EXACT_DIGITS = 15;

const NOTHING = Buffer.alloc(0);

/**
 * The chunk that is being read, with a cursor.
 *
 * If a chunk ends in the middle of a line, the start of the line is kept and completed from the following chunks. The
 * complete line is then read like a chunk of its own, before the rest of the chunk that completed it. So a method that
 * reads a line either has all of it or returns {@linkcode CUT}, and keeps no state in between.
 */
export class Input {
  /** The chunk. The bytes from `at` to `end` have not been read. */
  bytes: Buffer = NOTHING;
  /** Index of the next byte. */
  at = 0;
  /** Index after the last byte. */
  end = 0;

  readonly #lineBytes: number;
  #line: Buffer = NOTHING;
  #kept = 0;

  /** @param lineBytes Maximum length of a line, without its type byte and CRLF. */
  constructor(lineBytes: number) {
    this.#lineBytes = lineBytes;
  }

  /** Whether the start of a line is kept. */
  get cut(): boolean {
    return this.#kept > 0;
  }

  /** Opens a chunk at an offset. */
  open(chunk: Uint8Array, at: number): void {
    this.bytes = chunk instanceof Buffer ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    this.at = at;
    this.end = chunk.byteLength;
  }

  /** Closes the chunk, whose owner may then reuse its memory. */
  close(): void {
    this.bytes = NOTHING;
    this.at = this.end = 0;
  }

  /**
   * Opens the line whose start was kept, if the chunk completes it.
   *
   * @returns Offset in the chunk after the line, or {@linkcode CUT} if the chunk does not complete it either.
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
   * Finds the end of the line at the cursor. Keeps the line if the chunk ends first.
   *
   * @returns Index of its CR, or {@linkcode CUT}.
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
   * Reads the line at the cursor as an integer, in the common case: up to 15 digits, and not minus zero.
   *
   * @returns The integer; `undefined` in any other case, without moving the cursor.
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

  /** Decodes a range as text. */
  text(start: number, end: number): string {
    return text(this.bytes, start, end);
  }

  /** Copies a range. */
  copy(start: number, end: number): Uint8Array {
    return new Uint8Array(this.bytes.subarray(start, end));
  }

  /** Throws an error that shows the bytes from an index on. */
  fail(expected: string, at: number): never {
    throw new ProtocolError(`Cannot decode a reply: expected ${expected}, got ${excerpt(this.bytes, at, this.end)}`);
  }

  /** Reads up to 15 digits and CRLF. Returns -1 for anything else, without moving the cursor. */
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
    this.#check(this.#line, 0, kept - 2); // without the CRLF that it may end with
  }

  /** Throws if a line is longer than its type allows. */
  #check(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start - 1;
    if (length <= NUMBER_BYTES && length <= this.#lineBytes) return;
    const limit = isText(bytes[start]!) ? this.#lineBytes : NUMBER_BYTES;
    if (length > limit) {
      const shown = excerpt(bytes, start + 1, end);
      throw new ProtocolError(`Cannot decode a reply: expected a line of at most ${limit} bytes, got ${shown}`);
    }
  }
}

function isText(type: number): boolean {
  return type === SIMPLE_STRING || type === SIMPLE_ERROR || type === DOUBLE || type === BIG_NUMBER;
}
