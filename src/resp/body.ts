import { Buffer } from "node:buffer";
import { ProtocolError } from "./errors.ts";
import { text } from "./text.ts";

/** How much text is decoded at once, where it comes in several chunks. */
const BLOCK = 256 * 1024;

/** Gathers a string that comes in pieces. */
export interface Body {
  /** Takes the next bytes. */
  add(bytes: Buffer, start: number, end: number): void;
  /** Gives the string, after the last bytes. */
  finish(): string | Uint8Array;
}

/**
 * Gathers bytes in one array of the announced size, whose pages the system provides as they are written: memory follows
 * what came, not what was promised. A size that is not known doubles as needed.
 */
export class BinaryBody implements Body {
  #bytes: Uint8Array;
  #length = 0;

  /** @param size How many bytes will come, as far as that is known. */
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
 * Gathers text, and decodes it block by block: all the bytes beside the finished string would take up to three times
 * its size in memory.
 */
export class TextBody implements Body {
  readonly #block: Buffer;
  #length = 0;
  #text = "";

  /** @param size How many bytes will come, as far as that is known. */
  constructor(size: number) {
    this.#block = Buffer.allocUnsafe(Math.min(size, BLOCK));
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
      throw new ProtocolError("Expected text that fits into a string, found more", { cause });
    }
    this.#block.copyWithin(0, end, this.#length);
    this.#length -= end;
  }
}

/**
 * Finds where to cut bytes so that no character is cut. A byte that begins a character begins one whatever came before
 * it, so decoding both sides gives what decoding the whole would have given, in broken text too.
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
    throw new ProtocolError(`Expected a string that fits into memory, found one of ${size} bytes`, { cause });
  }
}
