import { Buffer } from "node:buffer";
import { ProtocolError } from "./errors.ts";
import { text } from "./text.ts";

/** How many bytes of a string that arrives in several chunks are decoded at a time. */
const BLOCK_BYTES = 256 * 1024;

/** Collects a string that arrives in pieces. */
export interface Body {
  /** Adds the next bytes. */
  add(bytes: Buffer, start: number, end: number): void;
  /** Returns the string, after the last bytes. */
  finish(): string | Uint8Array;
}

/**
 * Collects bytes in one array of the announced size. The operating system provides its pages as they are written, so
 * memory grows with the bytes that have arrived, not with those that were announced. An array of unknown size doubles
 * when it is full.
 */
export class BinaryBody implements Body {
  #bytes: Uint8Array;
  #length = 0;

  /** @param size Number of bytes to expect: the announced size, or an estimate. */
  constructor(size: number) {
    this.#bytes = allocate(size);
  }

  add(bytes: Buffer, start: number, end: number): void {
    const length = this.#length + end - start;
    if (length > this.#bytes.length) {
      const grown = allocate(Math.max(length, 2 * this.#bytes.length));
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
    }
    this.#bytes.set(bytes.subarray(start, end), this.#length);
    this.#length = length;
  }

  finish(): Uint8Array {
    return this.#length === this.#bytes.length ? this.#bytes : this.#bytes.slice(0, this.#length);
  }
}

/**
 * Collects text and decodes it block by block: keeping all bytes until the end would take up to three times the memory
 * of the finished string.
 */
export class TextBody implements Body {
  readonly #block: Buffer;
  #length = 0;
  #text = "";

  /** @param size Number of bytes to expect: the announced size, or an estimate. */
  constructor(size: number) {
    this.#block = Buffer.allocUnsafe(Math.min(size, BLOCK_BYTES));
  }

  add(bytes: Buffer, start: number, end: number): void {
    for (let at = start; at < end;) {
      if (this.#length === this.#block.length) this.#decode(wholeCharacters(this.#block));
      const copied = bytes.copy(this.#block, this.#length, at, end);
      this.#length += copied;
      at += copied;
    }
  }

  finish(): string {
    this.#decode(this.#length);
    return this.#text;
  }

  #decode(end: number): void {
    try {
      this.#text += text(this.#block, 0, end);
    } catch (cause) {
      throw new ProtocolError("Cannot decode a reply: expected text that fits into a string, got more", { cause });
    }
    this.#block.copyWithin(0, end, this.#length);
    this.#length -= end;
  }
}

/**
 * Finds the last index at which bytes can be split without splitting a character. In UTF-8 the first byte of a
 * character is recognised whatever comes before it, so decoding both parts gives the same text as decoding the whole,
 * even if it is malformed.
 */
function wholeCharacters(bytes: Uint8Array): number {
  const end = bytes.length;
  for (let back = 1; back <= 3 && back < end; back++) {
    const byte = bytes[end - back]!;
    if (byte >= 0xc0) return (byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4) > back ? end - back : end;
  }
  return end;
}

function allocate(size: number): Uint8Array {
  try {
    return new Uint8Array(size);
  } catch (cause) {
    throw new ProtocolError(`Cannot decode a reply: expected a string that fits into memory, got ${size} bytes`, {
      cause,
    });
  }
}
